// How the page asks the bridge. A token stays in this tab alone.
import { texts } from "/app/texts.js";

const KEPT = "punchin-token";
let token = sessionStorage.getItem(KEPT) ?? "";

/** What the bridge refused: `code` and `next_step` as in its errors. */
export class Refused extends Error {
  /** @param {{code: string, message: string, next_step: string}} error @param {number} status */
  constructor(error, status) {
    super(error.message);
    this.code = error.code;
    this.next_step = error.next_step;
    this.status = status;
  }
}

/** Trade the ticket behind the `#` for a token, and take it off the address. Whether this tab may ask. */
export async function enter() {
  const ticket = location.hash.slice(1);
  history.replaceState(null, "", location.pathname + location.search);
  if (ticket) {
    const answer = await fetch("/api/enter", { method: "POST", headers: { Authorization: `Bearer ${ticket}` } });
    if (answer.ok) {
      token = (await answer.json()).token;
      sessionStorage.setItem(KEPT, token);
    }
  }
  return token !== "";
}

/** @param {string} path @param {RequestInit} [options] @returns {Promise<Response>} */
export async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: { ...options.headers, Authorization: `Bearer ${token}` } });
  } catch {
    throw new Refused({ code: "offline", message: texts.errors.offline, next_step: "" }, 0);
  }
  if (answer.ok) return answer;
  let error = { code: "internal", message: `${path}: ${answer.status}`, next_step: "" };
  try {
    error = (await answer.json()).error;
  } catch {
    // not our words: what we have will do
  }
  throw new Refused(error, answer.status);
}

/** @param {string} path */
export const get = async (path) => (await ask(path)).json();

/** @param {string} path @param {unknown} said */
export const post = async (path, said) => (await ask(path, { method: "POST", body: JSON.stringify(said) })).json();

/** Ask for something to be done. @param {string} what @param {Record<string, unknown>} [more] */
export const act = (what, more = {}) => post("/api/act", { do: what, ...more });

/**
 * Hand in a file in pieces; the id of its song.
 * @param {File} file @param {string} kind @param {string | null} song @param {(share: number) => void} progress
 */
export async function upload(file, kind, song, progress) {
  const begun = await post("/api/upload", { name: file.name.slice(-255), size: file.size, kind, song });
  for (let at = 0; at < file.size; at += begun.piece) {
    const piece = file.slice(at, at + begun.piece);
    await ask(`/api/upload/${begun.upload}?at=${at}`, { method: "PUT", body: piece });
    progress(Math.min(1, (at + begun.piece) / file.size));
  }
  return (await post(`/api/upload/${begun.upload}`, {})).song;
}

/**
 * Hear of changes for as long as the page is open.
 * @param {(part: string, value: any) => void} told @param {(state: "open" | "gone" | "refused") => void} changed
 */
export function listen(told, changed) {
  let wait = 250;
  const connect = () => {
    const socket = new WebSocket(`ws://${location.host}/api/events`, ["punchin", token]);
    socket.onopen = () => {
      wait = 250;
      changed("open");
    };
    socket.onmessage = (event) => {
      const message = JSON.parse(event.data);
      told(message.part, message.value);
    };
    socket.onclose = async () => {
      try {
        await get("/api/session");
        changed("gone");
      } catch (error) {
        if (error instanceof Refused && error.status === 401) return changed("refused");
        changed("gone");
      }
      wait = Math.min(2 * wait, 5000);
      setTimeout(connect, wait);
    };
  };
  connect();
}
