// Runs before the first paint: the chosen theme and navigation, and that scripts run at all.
const root = document.documentElement;
root.classList.add("script");
try {
  const theme = localStorage.getItem("theme");
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  root.classList.toggle("narrow-nav", localStorage.getItem("nav") === "narrow");
} catch {
  // No storage: the system's choice it is.
}
