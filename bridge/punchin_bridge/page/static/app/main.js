// The page comes up: a token, what there is, what changes, the keyboard, and files that are dropped.
import { effect, html, render } from "/vendor/vendor.js";
import { enter, get, listen } from "/app/api.js";
import { pressed } from "/app/keys.js";
import { dawGroup, groups, link, lookAtPacks, quietly, session, showGroup, showSong, songId, songs, take, told } from "/app/state.js";
import { Shell } from "/app/views/shell.js";

const root = /** @type {HTMLElement} */ (document.getElementById("page"));

/** What is shown first: the song of the address, else the last one that is open, else the last DAW's job. */
function showFirst() {
  const wanted = new URLSearchParams(location.search).get("song");
  const stop = effect(() => {
    if (songId.value || dawGroup.value) return;
    const found = songs.value.find((each) => each.id === wanted) ?? (wanted ? undefined : songs.value.at(-1));
    const daw = groups.value.filter((each) => !each.song).at(-1);
    if (found) queueMicrotask(() => showSong(found.id));
    else if (daw && !wanted) queueMicrotask(() => showGroup(daw.id));
  });
  return stop;
}

async function start() {
  if (!(await enter())) {
    link.value = "refused";
    return;
  }
  session.value = await quietly(() => get("/api/session"));
  if (!session.value) return;
  void lookAtPacks();
  listen(told, (state) => (link.value = state));
  showFirst();
  addEventListener("keydown", pressed);
  // A button that was clicked must not catch the next Space, which plays; one that was reached by keyboard may.
  addEventListener("click", (event) => {
    const at = document.activeElement;
    if (event.detail > 0 && at instanceof HTMLElement && at.matches("button, summary, [type=checkbox]")) at.blur();
  });
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    void take([...(event.dataTransfer?.files ?? [])]);
  });
}

render(html`<${Shell} />`, root);
void start();
