// Narrows the navigation to its icons, kept for this browser.
export function start(button) {
  const root = document.documentElement;
  const tell = () => button.setAttribute("aria-pressed", String(root.classList.contains("narrow-nav")));
  button.addEventListener("click", () => {
    const narrow = root.classList.toggle("narrow-nav");
    try {
      localStorage.setItem("nav", narrow ? "narrow" : "wide");
    } catch {
      // It lasts for this page then.
    }
    tell();
  });
  tell();
}
