// All retrain tickets.

import { get, poll } from "./api.js";
import { ago, h, number, pill, put } from "./dom.js";

const row = (ticket) => h("tr", null,
  h("td", null, h("a", { href: `/tickets/${ticket.id}` }, h("b", null, ticket.id))), h("td", null, pill(ticket.state)), h("td", null, ticket.cause),
  h("td", null, ticket.evidence.text || ""), h("td", null, ticket.sites.join(", ")), h("td", null, `${ticket.model} ${ticket.version}`),
  h("td", { class: "num" }, number(ticket.evidence.parts)), h("td", { class: "soft" }, ago(ticket.created_ms)));

poll(async () => {
  const tickets = await get("/tickets");
  put("sub", `${tickets.length} in all`);
  put("list", tickets.length
    ? h("div", { class: "scroll" }, h("table", null,
      h("thead", null, h("tr", null, ["Ticket", "State", "Cause", "What", "Sites", "Model", "Parts", "Opened"].map((name) => h("th", { class: name === "Parts" ? "num" : null }, name)))),
      h("tbody", null, tickets.map(row))))
    : h("p", { class: "empty" }, "No ticket. One opens when production has moved away from what the model learned."));
});
