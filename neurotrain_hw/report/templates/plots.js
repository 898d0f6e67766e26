// Draws every plot of the page in the page's own colours; again when these change, and once more for paper.
(function () {
  "use strict";
  const specs = JSON.parse(document.getElementById("plots").textContent);
  const root = document.documentElement;
  const PRINT_WIDTH = 680;
  const COLOUR_KEYS = new Set(["color", "fillcolor", "fgcolor", "gridcolor", "linecolor", "tickcolor", "bordercolor", "bgcolor"]);

  // "@c1" is the custom property --c1, "@c1/0.2" the same at that opacity.
  function resolve(name) {
    if (typeof name !== "string" || name[0] !== "@") return name;
    const [key, opacity] = name.slice(1).split("/");
    const hex = getComputedStyle(root).getPropertyValue("--" + key).trim();
    if (opacity === undefined) return hex;
    const part = (k) => parseInt(hex.slice(k, k + 2), 16);
    return "rgba(" + [part(1), part(3), part(5), opacity].join(",") + ")";
  }

  function painted(value, key) {
    if (Array.isArray(value)) return value.map((item) => painted(item, key));
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([k, item]) => [k, painted(item, k)]));
    }
    return COLOUR_KEYS.has(key) ? resolve(value) : value;
  }

  function common(width) {
    const family = getComputedStyle(root).getPropertyValue("--sans").trim();
    const layout = {
      font: { family: family, size: 12.5, color: resolve("@soft") },
      separators: ".\u00a0",
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      hoverlabel: { bgcolor: resolve("@paper"), bordercolor: resolve("@rule"), font: { family: family, size: 12, color: resolve("@ink") } },
    };
    return width ? Object.assign(layout, { width: width, autosize: false }) : Object.assign(layout, { autosize: true });
  }

  function fail(node, error) {
    node.className = "plot-error";
    node.textContent = "This figure could not be drawn: " + (error && error.message ? error.message : error);
  }

  function draw(width) {
    specs.forEach((spec, k) => {
      const node = document.getElementById("plot-" + (k + 1));
      const layout = Object.assign(painted(spec.layout), common(width));
      const config = { responsive: !width, displaylogo: false, displayModeBar: false, doubleClick: "reset" };
      try {
        Plotly.react(node, painted(spec.data), layout, config).catch((error) => fail(node, error));
      } catch (error) {
        fail(node, error);
      }
    });
  }

  let folded = [];
  window.addEventListener("beforeprint", () => {
    root.dataset.print = "";
    folded = Array.from(document.querySelectorAll("details:not([open])"));
    folded.forEach((node) => { node.open = true; });
    draw(PRINT_WIDTH);
  });
  window.addEventListener("afterprint", () => {
    delete root.dataset.print;
    folded.forEach((node) => { node.open = false; });
    draw();
  });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw());
  draw();
})();
