// The chart of the overview: what was allocated and used in the last day, fetched again every five minutes.
import { Chart, figures } from "./chart.js";
import { load, onTheme } from "./plotly.js";
import { full } from "./times.js";

const OFTEN = 300000;
const AGAIN = 15000;

export function start(card) {
  const chart = new Chart(card);
  let timer = 0;
  const renew = async () => {
    let wait = OFTEN;
    try {
      const [told, Plotly] = await Promise.all([figures(card.dataset.figures), load(card.dataset.plotly)]);
      if (card.isConnected) chart.show(told.charts[0], told, Plotly);
      if (!told.charts[0].figure) wait = AGAIN;
    } catch (error) {
      if (!chart.told) chart.say(error.message);
      wait = AGAIN;
    }
    if (card.isConnected) timer = setTimeout(renew, wait);
  };
  const point = (event) => {
    const moment = event.type === "pointermove" ? chart.place(event.clientX) : null;
    chart.at(moment);
    chart.part("time").textContent = moment === null ? "" : full(new Date(moment * 1000));
  };
  chart.plot.addEventListener("pointermove", point);
  chart.plot.addEventListener("pointerleave", point);
  const unwatch = onTheme(() => chart.draw());
  renew();
  return () => {
    clearTimeout(timer);
    unwatch();
  };
}
