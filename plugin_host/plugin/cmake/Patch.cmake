# punchin_patch(FILE [FROM TO INSTEAD]...)
#
# Puts a copy of DPF's distrho/src/FILE into the build folder's `patched/`, in which INSTEAD stands in the place of all from
# FROM up to TO, which stays. Patched rather than written anew, since all else in it (parameters, state, window) is right
# and DPF's to maintain. Should DPF change what is looked for, this stops: look at what it does then.
function(punchin_patch FILE)
  set(source "${DPF_PATH}/distrho/src/${FILE}")
  set(patched "${CMAKE_CURRENT_BINARY_DIR}/patched/${FILE}")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${source}")
  file(READ "${source}" text)
  foreach(i RANGE 1 ${ARGC} 3)
    if(i EQUAL ARGC)
      break()
    endif()
    math(EXPR to_at "${i} + 1")
    math(EXPR instead_at "${i} + 2")
    punchin_replace(text "${ARGV${i}}" "${ARGV${to_at}}" "${ARGV${instead_at}}" "${source}")
  endforeach()
  set(old "")
  if(EXISTS "${patched}")
    file(READ "${patched}" old)
  endif()
  if(NOT old STREQUAL text)  # else everything would be compiled again
    file(WRITE "${patched}" "${text}")
  endif()
endfunction()

function(punchin_replace TEXT FROM TO INSTEAD SOURCE)
  set(text "${${TEXT}}")
  foreach(line "${FROM}" "${TO}")
    string(FIND "${text}" "${line}" first)
    string(FIND "${text}" "${line}" last REVERSE)
    if(first EQUAL -1 OR NOT first EQUAL last)
      message(FATAL_ERROR "DPF has changed: ${SOURCE} has no longer one `${line}`. See cmake/Patch.cmake.")
    endif()
  endforeach()
  string(FIND "${text}" "${FROM}" from)
  string(FIND "${text}" "${TO}" to)
  if(NOT from LESS to)
    message(FATAL_ERROR "DPF has changed: in ${SOURCE}, `${TO}` comes first. See cmake/Patch.cmake.")
  endif()
  string(SUBSTRING "${text}" 0 ${from} before)
  string(SUBSTRING "${text}" ${to} -1 after)
  set(${TEXT} "${before}${INSTEAD}\n${after}" PARENT_SCOPE)
endfunction()

punchin_patch(DistrhoPluginVST3.cpp
  "fTimePosition.playing = ctx->state & V3_PROCESS_CTX_PLAYING;"
  "fPlugin.setTimePosition(fTimePosition);"
  "set_position(fTimePosition, *ctx);"
  # what hosts are asked to tell
  "| V3_PROCESS_CTX_NEED_CONTINUOUS_TIME  //"
  "| V3_PROCESS_CTX_NEED_PROJECT_TIME     //"
  "| V3_PROCESS_CTX_NEED_BAR_POSITION")
punchin_patch(DistrhoPluginCLAP.cpp
  "fTimePosition.playing = (transport->flags & CLAP_TRANSPORT_IS_PLAYING) != 0 &&"
  "        }
        else
        {
            fTimePosition.playing = false;"
  "set_position(fTimePosition, *transport, fPlugin.getSampleRate());")
