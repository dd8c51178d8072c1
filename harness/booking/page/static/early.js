// Before anything is painted: tokens leave the address bar, and nobody is shown what another visitor would see.
"use strict";
{
  const store = window.sessionStorage;
  const fragment = new URLSearchParams(location.hash.slice(1));
  const [token, booking, bookingToken] = ["signin", "booking", "token"].map((name) => fragment.get(name));
  const whose = (text) => {
    try {
      return JSON.parse(atob(text.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"))).sub ?? "";
    } catch {
      return ""; // not one of ours; the server will say so
    }
  };
  if (token) {
    const person = whose(token);
    if (!person || person !== store.getItem("booking.person")) store.removeItem("booking.attempt"); // another person's is not ours
    store.setItem("booking.signin", token);
    store.setItem("booking.person", person);
  }
  if (booking && bookingToken) store.setItem("booking.link", JSON.stringify({ booking, bookingToken }));
  if (token || bookingToken) history.replaceState(null, "", location.pathname + location.search);
  const isAnotherView = ["booking.signin", "booking.attempt", "booking.link"].some((key) => store.getItem(key));
  if (isAnotherView || location.search) document.documentElement.classList.add("waiting");
}
