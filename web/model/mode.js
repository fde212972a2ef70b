/**
 * Following or reading: who moves the view.
 *
 * Following pins the end of the log to the bottom. Reading holds what is on screen, whatever
 * arrives, loads, rotates or reconnects. Only the user changes the mode, never the content.
 *
 * @typedef {"following" | "reading"} Mode
 * @typedef {{mode: Mode, lines: number, errors: number, since: number}} State lines and errors that
 *   arrived since reading began (at `since`, ms)
 * @typedef {{type: "up" | "jump" | "stop" | "end", now: number}
 *   | {type: "scrolled", down: boolean, toEnd: number, row: number, last: boolean, now: number}
 *   | {type: "arrived", lines: number, errors: number}} Event
 *   `up`: wheel, touch, key, or mouse down in the text; `jump`: to a place; `stop`: the Space key;
 *   `end`: End, G, F or the button; `scrolled`: the user's own scrolling came to rest `toEnd` px
 *   before the end of what is held, `last` when that is the end of the log
 */

/** @returns {State} */
export function start() {
  return { mode: "following", lines: 0, errors: 0, since: 0 };
}

/**
 * @param {State} state
 * @param {Event} event
 * @returns {State}
 */
export function update(state, event) {
  const following = state.mode === "following";
  switch (event.type) {
    case "up":
    case "jump":
    case "stop":
      return following ? { mode: "reading", lines: 0, errors: 0, since: event.now } : state;
    case "end":
      return following ? state : { mode: "following", lines: 0, errors: 0, since: 0 };
    case "scrolled":
      return !following && event.down && event.last && event.toEnd <= event.row
        ? { mode: "following", lines: 0, errors: 0, since: 0 }
        : state;
    case "arrived":
      return following
        ? state
        : { ...state, lines: state.lines + event.lines, errors: state.errors + event.errors };
  }
}
