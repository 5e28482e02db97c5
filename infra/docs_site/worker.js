/* The search runs in a worker, and browsers start none from a file. There, a frame runs its script,
   and the two talk by the same events. Where the site is served, nothing here does anything. */
if (location.protocol === "file:") {
  const send = (to, Kind, said) => {
    const data = structuredClone(said); // as between threads: neither side sees the other's objects
    setTimeout(() => to.dispatchEvent(new Kind("message", { data })));
  };
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.documentElement.append(frame);
      const inside = frame.contentWindow;
      const load = (source) =>
        new Promise((done, failed) => {
          const script = frame.contentDocument.createElement("script");
          Object.assign(script, { src: source, onload: done, onerror: failed });
          frame.contentDocument.head.append(script);
        });
      inside.postMessage = (data) => send(this, MessageEvent, data);
      inside.importScripts = (...sources) => Promise.all(sources.map(load));
      this.inside = inside;
      this.ready = load(new URL(url, location.href).href);
      this.addEventListener("message", (event) => this.onmessage?.(event));
    }
    postMessage(data) {
      this.ready.then(() => send(this.inside, this.inside.MessageEvent, data));
    }
    terminate() {
      this.inside.frameElement.remove();
    }
  };
}
