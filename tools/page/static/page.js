"use strict";
// Sends each image to this machine's own server, which asks the function. All text is set as text, never as HTML.

const MAX_BYTES = Number(document.body.dataset.maxBytes);
const SMALLER_SIDE = 2048; // pixels; image_size, the side that a network sees, is 600 at most
const state = document.getElementById("state");
const list = document.getElementById("list");
const drop = document.getElementById("drop");
let queue = Promise.resolve();
let waiting = 0;

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

// One image after the other, so that answers come in the order of the images.
function take(files) {
  const given = [...files];
  if (!given.length) {
    state.textContent = "That was no file. Save the image first and drop its file, or copy the image and paste it.";
    return;
  }
  waiting += given.length;
  for (const file of given) queue = queue.then(() => show(file));
}

async function show(file) {
  const begin = performance.now();
  state.textContent = waiting > 1 ? `Asking, ${waiting} images to go …` : "Asking …";
  const item = element("li");
  const about = await answerTo(file, begin).catch((error) => refusal(file, error));
  item.append(preview(file), about); // after the answer, as decoding a photograph takes a processor's time from it
  list.prepend(item);
  waiting -= 1;
  state.textContent = waiting ? `Asking, ${waiting} images to go …` : "Done.";
}

function preview(file) {
  const picture = element("img");
  picture.alt = "";
  picture.src = URL.createObjectURL(file);
  picture.addEventListener("load", () => URL.revokeObjectURL(picture.src));
  picture.addEventListener("error", () => picture.replaceWith(element("span", "muted", "no preview")));
  return picture;
}

async function answerTo(file, begin) {
  const { content, note } = await fitting(file);
  let response;
  try {
    response = await fetch("/classify", {
      method: "POST",
      headers: { "Content-Type": "application/octet-stream", "X-Slipway-Token": location.hash.slice(1) },
      body: content,
    });
  } catch {
    throw new Error("The page's program does not answer: start make try again, and open the address that it shows.");
  }
  const answer = await response.json();
  if (!response.ok) throw new Error(`Refused: ${answer.error}.`);
  const about = element("div");
  const predictions = element("ol", "predictions");
  predictions.append(...answer.predictions.map(prediction));
  const took = Math.round(performance.now() - begin);
  about.append(title(file, note), predictions, element("p", "about", `${took} ms, ${Math.round(answer.milliseconds)} of them the function's; model file ${answer.model.slice(0, 12)}`));
  about.lastChild.title = `SHA-256 of the model file: ${answer.model}`;
  return about;
}

function title(file, note = "") {
  const name = element("p", "file");
  name.append(element("bdi", "", file.name), note);
  return name;
}

// A photograph is often larger than the function takes: then a smaller copy is sent, and said.
async function fitting(file) {
  if (file.size <= MAX_BYTES) return { content: file, note: "" };
  let picture;
  try {
    picture = await createImageBitmap(file);
  } catch {
    throw new Error(`Refused: ${file.name} has ${megabytes(file.size)}, and the function takes ${megabytes(MAX_BYTES)}.`);
  }
  const canvas = document.createElement("canvas");
  let side = Math.min(SMALLER_SIDE, Math.max(picture.width, picture.height));
  let content;
  do {
    const scale = side / Math.max(picture.width, picture.height);
    canvas.width = Math.round(picture.width * scale);
    canvas.height = Math.round(picture.height * scale);
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    content = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
    side /= 2;
  } while (content.size > MAX_BYTES);
  return { content, note: `, sent as ${canvas.width} × ${canvas.height} pixels, as ${megabytes(file.size)} are too many` };
}

function prediction({ label, probability }) {
  const percent = `${(100 * probability).toFixed(1)} %`;
  const item = element("li");
  const name = element("span", "label");
  name.append(element("bdi", "", label));
  const track = element("span", "track");
  track.setAttribute("aria-hidden", "true");
  const bar = element("span");
  bar.style.width = percent.replace(" ", "");
  track.append(bar);
  item.append(name, track, element("span", "share", percent));
  return item;
}

function refusal(file, error) {
  const about = element("div");
  about.append(title(file), element("p", "refused", error.message));
  return about;
}

for (const id of ["choose", "photo"]) {
  const input = document.getElementById(id);
  input.addEventListener("change", () => {
    take(input.files);
    input.value = ""; // so that the same file can be chosen again
  });
}
document.addEventListener("paste", (event) => take(event.clipboardData.files));
for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
for (const name of ["dragleave", "drop"]) document.addEventListener(name, () => drop.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault(); // else the browser would leave the page for the file
  take(event.dataTransfer.files);
});
