// Draws each chart of the page from the table below it, which is there for those who cannot see charts.
"use strict";

const HEIGHT = 200;
// Lines differ in more than their colour. The style sheet says the same of the legend.
const DASHES = [[], [8, 4], [2, 3], [12, 3, 2, 3], [4, 4], [1, 4]];
// The steps of an axis are such as people count in: whole jobs, seconds, minutes, hours, powers of two.
const POWERS = Array.from({ length: 32 }, (_, power) => 2 ** power);
const WHOLE = Array.from({ length: 27 }, (_, place) => [1, 2, 5][place % 3] * 10 ** Math.floor(place / 3));
const STEPS = {
  jobs: WHOLE,
  "": WHOLE,
  bytes: POWERS.map((power) => power * 2 ** 20),
  s: [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, ...POWERS.map((power) => power * 3600)],
};
const UNITS = {
  bytes: (value) => (value % 2 ** 30 || !value ? `${value / 2 ** 20} MiB` : `${value / 2 ** 30} GiB`),
  ms: (value) => (value < 1000 ? `${value} ms` : `${value / 1000} s`),
  s: (value) => (value < 60 ? `${value} s` : value < 3600 ? `${value / 60} min` : `${value / 3600} h`),
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

// A value between two gaps has no line, so it is drawn as a point.
function alone(values) {
  const isGap = (place) => (values[place] ?? null) === null;
  return [...values.keys()].filter((place) => !isGap(place) && isGap(place - 1) && isGap(place + 1));
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
      axes: [
        { ...axis, size: 30, values: (_, ticks) => ticks.map((time) => clock(time, days)) },
        { ...axis, size: 70, incrs: STEPS[section.dataset.chart], values: (_, ticks) => ticks.map(words) },
      ],
      series: [
        {},
        ...names.map((label, number) => ({
          label,
          stroke: colourOf(swatches[number]),
          width: 2,
          dash: DASHES[number],
          points: { show: true, size: 6, fill: colourOf(swatches[number]), filter: (_, place) => alone(data[place]) },
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
