// Draws each chart of the page from the table below it, which is there for those who cannot see charts.
"use strict";

const HEIGHT = 220;
// Lines differ in more than their colour. The style sheet says the same of the legend.
const DASHES = [[], [8, 4], [2, 3], [12, 3, 2, 3], [4, 4], [1, 4]];
const UNITS = {
  bytes: (value) => `${(value / 2 ** 20).toFixed(0)} MiB`,
  ms: (value) => (value < 1000 ? `${value} ms` : `${value / 1000} s`),
  s: (value) => (value < 120 ? `${value} s` : `${Math.round(value / 60)} min`),
};
const drawn = [];

function colourOf(element) {
  return getComputedStyle(element).color;
}

// As in the table: UTC, the day where there are several.
function clock(time, days) {
  const text = new Date(time * 1000).toISOString();
  return days > 2 ? text.slice(5, 10) : text.slice(11, 16);
}

function columns(table) {
  const rows = [...table.tBodies[0].rows];
  const times = rows.map((row) => Date.parse(row.querySelector("time").dateTime) / 1000);
  const lines = [...table.tHead.rows[0].cells].slice(1).map((_, place) =>
    rows.map((row) => {
      const { value } = row.cells[place + 1].dataset;
      return value === undefined ? null : Number(value);
    }),
  );
  return [times, ...lines];
}

function draw(section) {
  const place = section.querySelector(".plot");
  const table = section.querySelector("table");
  if (!place || !table) return;
  const axis = {
    stroke: colourOf(place),
    grid: { stroke: colourOf(section.querySelector("summary")), width: 0.15 },
    ticks: { show: false },
  };
  const data = columns(table);
  const days = (data[0].at(-1) - data[0][0]) / 86_400;
  const words = UNITS[section.dataset.chart] ?? String;
  const names = [...table.tHead.rows[0].cells].slice(1).map((cell) => cell.textContent);
  const swatches = [...section.querySelectorAll(".swatch")];
  place.replaceChildren();
  const plot = new uPlot(
    {
      width: place.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { drag: { x: false, y: false } },
      scales: { y: { range: (_, least, most) => [0, most > 0 ? most * 1.05 : 1] } },
      tzDate: (time) => uPlot.tzDate(new Date(time * 1000), "Etc/UTC"),
      axes: [{ ...axis, values: (_, ticks) => ticks.map((time) => clock(time, days)) }, { ...axis, size: 70, values: (_, ticks) => ticks.map(words) }],
      series: [
        {},
        ...names.map((label, number) => ({
          label,
          stroke: colourOf(swatches[number]),
          width: 2,
          dash: DASHES[number],
          points: { show: false },
        })),
      ],
    },
    data,
    place,
  );
  // The table below says the same.
  plot.root.setAttribute("aria-hidden", "true");
  drawn.push({ plot, place });
}

function drawAll() {
  drawn.splice(0).forEach(({ plot }) => plot.destroy());
  document.querySelectorAll("[data-chart]").forEach(draw);
}

document.addEventListener("DOMContentLoaded", () => {
  drawAll();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  new ResizeObserver(() =>
    drawn.forEach(({ plot, place }) => {
      if (place.clientWidth !== plot.width) plot.setSize({ width: place.clientWidth, height: HEIGHT });
    }),
  ).observe(document.getElementById("main"));
});
