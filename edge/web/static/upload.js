// A picture of the user's own, dropped onto the page or chosen: it is sent to be read and shown with its faces.

import { ask } from "./connection.js";
import { sure, told } from "./drawing.js";
import { Picture } from "./picture.js";

export function takePictures({ button, file, drop, dialog, tell }) {
  const picture = new Picture(dialog.querySelector("canvas"));
  const found = dialog.querySelector("ul");

  async function read(blob) {
    let record;
    try {
      record = await ask("predict", { method: "POST", body: blob });
    } catch (error) {
      tell(`The picture was not read: ${error.message}`);
      return;
    }
    dialog.showModal();
    const lines = record.faces.map((face, i) => `#${i + 1} ${told(face)} ${sure(face)}`.trim());
    found.replaceChildren(
      ...(lines.length ? lines : ["No face was found."]).map((line) => {
        const item = document.createElement("li");
        item.textContent = line;
        return item;
      }),
    );
    picture.note({ ...record, seq: 0, faces: record.faces.map((face, i) => ({ ...face, id: i + 1 })) });
    // Browsers show fewer kinds of pictures than the server reads.
    dialog.toggleAttribute("data-unseen", !(await picture.show(blob, 0).catch(() => false)));
  }

  button.addEventListener("click", () => file.click());
  file.addEventListener("change", () => {
    if (file.files.length) read(file.files[0]);
    file.value = "";
  });
  const holdsFile = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!holdsFile(event)) return;
    event.preventDefault();
    drop.hidden = false;
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) drop.hidden = true;
  });
  document.addEventListener("drop", (event) => {
    if (!holdsFile(event)) return;
    event.preventDefault();
    drop.hidden = true;
    read(event.dataTransfer.files[0]);
  });
}
