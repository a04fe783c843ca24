// Shows openapi.json to people.

function add(parent, tag, text = "") {
  const node = parent.appendChild(document.createElement(tag));
  node.textContent = text;
  return node;
}

/** What a reference into the document means. */
function resolved(node) {
  return "$ref" in node ? node.$ref.slice(2).split("/").reduce((at, key) => at[key], description) : node;
}

const description = await (await fetch("/openapi.json")).json();
document.getElementById("about").textContent = description.info.description;
const place = document.getElementById("paths");
place.className = "paper";

for (const [path, methods] of Object.entries(description.paths)) {
  for (const [method, operation] of Object.entries(methods)) {
    const section = add(place, "section");
    add(section, "h2", `${method.toUpperCase()} ${path}`);
    add(section, "p", operation.summary);
    if (operation.description) add(section, "p", operation.description);
    const list = add(section, "ul");
    for (const [status, response] of Object.entries(operation.responses)) {
      const answer = resolved(response);
      add(list, "li", [status, ...Object.keys(answer.content ?? {})].join(" ") + `: ${answer.description}`);
      for (const content of Object.values(answer.content ?? {})) {
        if (content.example) add(section, "pre", JSON.stringify(content.example, null, 2));
      }
    }
  }
}
