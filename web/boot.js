/*
 * Runs before anything else, and before the first paint: takes the access token out of the address,
 * so that no module, log or history entry ever sees it, connects while the modules come, and sets the
 * theme. A classic script: modules would run too late for all three.
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
    /** @type {MessageEvent[]} */
    const messages = [];
    ws.onmessage = (event) => messages.push(event);
    // The first connection of the page takes it from here.
    /** @type {{tailwsEarly?: {ws: WebSocket, messages: MessageEvent[]}}} */ (window).tailwsEarly = { ws, messages };
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
