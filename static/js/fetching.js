// Fetching pages of ours again, as parsed documents.
const TRY_AGAIN = 5000;
const parser = new DOMParser();

// The document at `url`, whatever would be opened there by now; throws when the server does not answer with it (down, signed
// out). A page of words on what is wrong with its address has one of the statuses in `wrong`.
export async function page(url, wrong = []) {
  const answer = await fetch(url, { headers: { Accept: "text/html", "X-Runyard-Refresh": "1" } });
  if (answer.redirected || !(answer.ok || wrong.includes(answer.status))) throw new Error(`${url}: ${answer.status}`);
  return parse(await answer.text());
}

export const parse = (html) => parser.parseFromString(html, "text/html");

// Whether something in `part` was clicked and is answered soon. htmx reads off what stands around it where that answer
// goes: until then it stays where it is.
export const awaits = (part) => part.querySelector(".htmx-request") !== null;

// Runs `work` at most once every `apart` milliseconds, never twice at a time; calls in between are one call later.
// A server that is slow is asked less often: work rests as long as it took.
export function paced(work, apart = 250) {
  let timer = 0;
  let busy = false;
  let again = false;
  let next = 0;
  let stopped = false;
  const after = (wait) => { timer = stopped ? 0 : setTimeout(run, wait); };
  const run = async () => {
    timer = 0;
    busy = true;
    const began = performance.now();
    try {
      await work();
    } catch {
      after(TRY_AGAIN); // the connection badge says that the server is away
    }
    const ended = performance.now();
    next = Math.max(began + apart, ended + (ended - began));
    busy = false;
    if (again) {
      again = false;
      call();
    }
  };
  const call = () => {
    if (busy) again = true;
    else if (!timer) after(Math.max(0, next - performance.now()));
  };
  call.stop = () => {
    stopped = true;
    clearTimeout(timer);
  };
  return call;
}
