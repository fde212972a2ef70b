/*
 * Runs before anything else, and before the first paint: takes the access token out of the address,
 * so that no module, log or history entry ever sees it, sets the theme, connects while the modules
 * come, and asks for what the page will ask first. A classic script: modules would run too late.
 */
(() => {
  const fragment = location.hash.slice(1);
  const parts = fragment.split("&");
  const at = parts.findIndex((part) => part.startsWith("token="));
  if (at >= 0) {
    let token = parts[at].slice("token=".length);
    try {
      token = decodeURIComponent(token);
    } catch {
      // Not escaped: it is what it is.
    }
    parts.splice(at, 1);
    const rest = parts.join("&");
    history.replaceState(history.state, "", location.pathname + location.search + (rest ? `#${rest}` : ""));
    // Whoever signs in takes it away from here.
    /** @type {{tailwsToken?: string}} */ (window).tailwsToken = token;
  } else {
    const ws = new WebSocket("ws", "tailws.v1");
    /** @type {import("./view/socket.js").Early} */
    const early = { ws, messages: [], source: "", asked: "" };
    ws.onmessage = (event) => {
      // The first tells the sources. Of one log, or none yet, it is plain what will be asked for:
      // its last lines are on their way before the modules are here.
      if (early.messages.push(event) > 1) return;
      const { sources } = JSON.parse(event.data.split("\n", 1)[0]);
      const source = fragment ? sources.find((/** @type {any} */ { name }) => fragment === `s=${name}`)
        : sources.filter((/** @type {any} */ { state }) => state === "live").sort((/** @type {any} */ a, /** @type {any} */ b) => (b.modified ?? 0) - (a.modified ?? 0))[0];
      if (!source) return;
      early.source = source.name;
      early.asked = JSON.stringify({ type: "subscribe", source: early.source, lines: 100, id: 2 });
      ws.send(early.asked);
    };
    // The first connection of the page takes it from here.
    /** @type {{tailwsEarly?: import("./view/socket.js").Early}} */ (window).tailwsEarly = early;
  }
  try {
    const base = new URL(".", document.baseURI).pathname;
    const { values } = JSON.parse(localStorage.getItem(`tailws:${base}`) ?? "{}");
    const { theme, density } = values ?? {};
    if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
    if (density === "compact" || density === "large") document.documentElement.dataset.density = density;
  } catch {
    // Storage refused or spoilt: the defaults are fine.
  }
})();
