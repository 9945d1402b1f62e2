// The page asks for its live part every two seconds while it is seen, and at once when it is seen again.
const refresh = () => {
  if (!document.hidden) htmx.trigger(document.body, "windsock:refresh");
};
setInterval(refresh, 2000);
document.addEventListener("visibilitychange", refresh);

const offline = (lost) => document.getElementById("offline")?.toggleAttribute("hidden", !lost);
document.addEventListener("htmx:sendError", () => offline(true));
document.addEventListener("htmx:afterOnLoad", () => offline(false));
