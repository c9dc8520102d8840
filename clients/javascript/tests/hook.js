// Runs a React hook in a page that exists in memory only.

import { Window } from "happy-dom";

const page = new Window({ url: "http://localhost/" });
const { document, navigator, sessionStorage, localStorage, location } = page;
for (const [name, value] of Object.entries({ document, navigator, sessionStorage, localStorage, location })) {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}
globalThis.window = globalThis;

const { createElement } = await import("react");
const { createRoot } = await import("react-dom/client");

/** Renders `hook`. What it returned last is in `now`. */
export function render(hook) {
  const shown = { now: undefined };
  const Page = () => {
    shown.now = hook();
    return null;
  };
  const root = createRoot(page.document.createElement("div"));
  root.render(createElement(Page));
  shown.close = () => root.unmount();
  return shown;
}
