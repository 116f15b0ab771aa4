const data = await (await fetch("/data/water.json")).json();

const element = (name, attributes, text = "") => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
};

function months() {
  const chart = element("svg", { viewBox: "0 0 600 190" });
  const x = (month) => 40 + month * 46;
  const y = (value) => 165 - value * 1.45;
  for (const value of [0, 25, 50, 75, 100]) {
    chart.append(element("line", { x1: 32, x2: 590, y1: y(value), y2: y(value), stroke: "#dde4e8" }));
    chart.append(element("text", { x: 26, y: y(value) + 3, "text-anchor": "end" }, value));
  }
  for (const [name, colour] of [["given", "#12577a"], ["metered", "#7fb2cb"]]) {
    const points = data.months.map((month, place) => `${x(place)},${y(month[name])}`).join(" ");
    chart.append(element("polyline", { points, fill: "none", stroke: colour, "stroke-width": 2.5 }));
    chart.append(element("text", { x: x(11) + 6, y: y(data.months[11][name]) + (name === "given" ? -2 : 10) }, name));
  }
  data.months.forEach((month, place) => {
    chart.append(element("text", { x: x(place), y: 182, "text-anchor": "middle" }, month.name));
  });
  return chart;
}

function costs() {
  const chart = element("svg", { viewBox: "0 0 600 150" });
  data.costs.forEach(({ year, thousands }, place) => {
    const y = 10 + place * 34;
    chart.append(element("text", { x: 0, y: y + 14 }, year));
    chart.append(element("rect", { x: 40, y, width: thousands / 2, height: 20, fill: "#12577a" }));
    chart.append(element("text", { x: 48 + thousands / 2, y: y + 14 }, thousands));
  });
  return chart;
}

document.querySelector("#months").prepend(months());
document.querySelector("#costs").prepend(costs());
