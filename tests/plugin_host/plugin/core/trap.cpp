// Counts what a real-time thread must not do: every allocation, free and lock of the thread that asked for it.
#include <dlfcn.h>
#include <pthread.h>

#include <cstddef>

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void __libc_free(void*);
}

namespace {

thread_local bool watched = false;
thread_local int count = 0;

void note() {
  if (watched) ++count;
}

using Lock = int (*)(pthread_mutex_t*);

Lock real(const char* name) { return reinterpret_cast<Lock>(dlsym(RTLD_NEXT, name)); }

}  // namespace

extern "C" {

void trap_begin() {
  count = 0;
  watched = true;
}

int trap_end() {
  watched = false;
  return count;
}

void* malloc(std::size_t size) {
  note();
  return __libc_malloc(size);
}
void* calloc(std::size_t items, std::size_t size) {
  note();
  return __libc_calloc(items, size);
}
void* realloc(void* memory, std::size_t size) {
  note();
  return __libc_realloc(memory, size);
}
void free(void* memory) {
  note();
  __libc_free(memory);
}
int pthread_mutex_lock(pthread_mutex_t* mutex) {
  note();
  static const Lock lock = real("pthread_mutex_lock");
  return lock(mutex);
}
int pthread_mutex_trylock(pthread_mutex_t* mutex) {
  note();
  static const Lock lock = real("pthread_mutex_trylock");
  return lock(mutex);
}
}
