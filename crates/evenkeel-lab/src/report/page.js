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
