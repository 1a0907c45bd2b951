"use strict";
// Zoom for the timeline: everything that has a time is placed anew. Without this the picture shows the whole run.
// The wide and the narrow drawing of it are zoomed together, so that turning a telephone changes nothing.
(() => {
  document.documentElement.classList.add("scripted");
  const drawings = [...document.querySelectorAll("svg.timeline")].map(drawing);
  const act = (name) => drawings.forEach((each) => each[name]());
  for (const button of document.querySelectorAll("button[data-zoom]"))
    button.addEventListener("click", () => act(button.dataset.zoom));
  window.addEventListener("beforeprint", () => { act("all"); for (const d of document.querySelectorAll("details.printed")) d.open = true; });

  function drawing(svg) {
    const full = [Number(svg.dataset.start), Number(svg.dataset.end)];
    const zero = Number(svg.dataset.zero), left = Number(svg.dataset.left), right = Number(svg.dataset.right);
    const marks = [...svg.querySelectorAll("circle[data-t], rect[data-t]")].map((node) => ({
      node, t: Number(node.dataset.t), d: Number(node.dataset.d || 0),
    }));
    const axis = svg.querySelector("g.axis");
    let from = full[0], to = full[1];
    const x = (t) => left + ((right - left) * (t - from)) / (to - from);

    function ticks() {
      const span = to - from;
      const step = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600]
        .find((s) => span / s <= Number(axis.dataset.most)) || 7200;
      const height = Number(axis.dataset.height);
      axis.replaceChildren();
      for (let n = Math.ceil((from - zero) / step); zero + n * step <= to; n += 1) {
        const group = document.createElementNS("http://www.w3.org/2000/svg", "g");
        group.setAttribute("class", "tick");
        group.setAttribute("transform", `translate(${x(zero + n * step).toFixed(1)} 0)`);
        group.innerHTML = `<line y1="4" y2="${height - 18}"/><text y="${height - 5}" text-anchor="middle">${Number((n * step).toFixed(3))} s</text>`;
        axis.append(group);
      }
    }

    function draw() {
      for (const { node, t, d } of marks) {
        const a = x(t), b = x(t + d);
        node.style.display = b < left - 0.5 || a > right + 0.5 ? "none" : "";
        if (node.tagName === "circle") node.setAttribute("cx", a.toFixed(1));
        else {
          const begin = Math.max(a, left), end = Math.min(b, right);
          node.setAttribute("x", begin.toFixed(1));
          node.setAttribute("width", Math.max(end - begin - 0.5, 0.5).toFixed(1));
        }
      }
      ticks();
    }

    function zoom(factor, middle) {
      const span = Math.min((to - from) * factor, full[1] - full[0]);
      if (span < 0.01) return;
      const share = (middle - from) / (to - from);
      from = Math.min(Math.max(middle - span * share, full[0]), full[1] - span);
      to = from + span;
      draw();
    }

    function timeAt(event) {
      const box = svg.getBoundingClientRect();
      const at = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
      return from + ((to - from) * (at - left)) / (right - left);
    }

    function pan(share) {
      const span = to - from;
      from = Math.min(Math.max(from + span * share, full[0]), full[1] - span);
      to = from + span;
      draw();
    }

    svg.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.shiftKey && !event.metaKey) return;
      event.preventDefault();
      zoom((event.deltaY || event.deltaX) > 0 ? 1.25 : 0.8, timeAt(event));
    }, { passive: false });
    svg.addEventListener("dblclick", (event) => zoom(0.5, timeAt(event)));
    return {
      in: () => zoom(0.5, (from + to) / 2), out: () => zoom(2, (from + to) / 2),
      left: () => pan(-0.3), right: () => pan(0.3), all: () => { [from, to] = full; draw(); },
    };
  }
})();
