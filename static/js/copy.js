// A button that copies the text of the element named in data-copies, and says so.
import { toast } from "./toasts.js";

export function start(button) {
  button.addEventListener("click", async () => {
    const text = document.getElementById(button.dataset.copies).textContent;
    try {
      await navigator.clipboard.writeText(text);
      toast("Copied.");
    } catch {
      toast("The browser does not allow copying here; select the text instead.", "error");
    }
  });
}
