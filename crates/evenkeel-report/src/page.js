"use strict";
// Fills each table of layers with the step that its slider is at.
for (const section of document.querySelectorAll(".layers")) {
  const data = JSON.parse(section.querySelector('script[type="application/json"]').textContent);
  const slider = section.querySelector("input");
  const body = section.querySelector("tbody");
  const number = (value) => (value === 0 ? "0" : value.toExponential(3));
  const show = () => {
    const at = Number(slider.value);
    section.querySelector("output").textContent = data.steps.length ? data.steps[at] : "–";
    body.replaceChildren(
      ...data.names.map((name, layer) => {
        const row = document.createElement("tr");
        const columns = [data.weight_norm, data.grad_norm, data.elr, data.cosine];
        const cells = columns.map((column) => (data.steps.length ? number(column[at][layer]) : "–"));
        for (const text of [name, ...cells]) {
          row.appendChild(document.createElement("td")).textContent = text;
        }
        return row;
      }),
    );
  };
  slider.addEventListener("input", show);
  show();
}

// Says which point of a figure is nearest to the pointer.
for (const figure of document.querySelectorAll("figure")) {
  const data = figure.querySelector('script[type="application/json"]');
  const svg = figure.querySelector("svg");
  if (!data || !svg) continue;
  const { axes, x, y, series } = JSON.parse(data.textContent);
  const place = (value, log, [low, high], from, to) =>
    from + (((log ? Math.log10(value) : value) - low) / (high - low)) * (to - from);
  const points = series.flatMap(([label, list]) =>
    list.map(([a, b]) => ({
      label,
      a,
      b,
      left: place(a, axes.log_x, axes.x, axes.left, axes.right),
      top: place(b, axes.log_y, axes.y, axes.bottom, axes.top),
    })),
  );
  const note = figure.appendChild(document.createElement("output"));
  note.className = "hover";
  const number = (value) => Number(value.toPrecision(4)).toString();
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const scale = svg.viewBox.baseVal.width ? svg.viewBox.baseVal.width / box.width : 1;
    const [left, top] = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
    const distance = (point) => (point.left - left) ** 2 + (point.top - top) ** 2;
    const near = points.reduce((best, point) => (distance(point) < distance(best) ? point : best), points[0]);
    const shown = near && distance(near) < 900;
    note.textContent = shown ? `${near.label ? near.label + ": " : ""}${x} ${number(near.a)}, ${y} ${number(near.b)}` : "";
  });
  svg.addEventListener("pointerleave", () => (note.textContent = ""));
}
