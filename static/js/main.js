// Loads every behaviour. Each binds itself to the elements with its data attribute.
import "./alternatives-swap.js";
import "./arrival.js";
import "./autoplay.js";
import "./backdrop.js";
import "./glow.js";
import "./keys.js";
import "./media-session.js";
import "./more.js";
import "./passkeys.js";
import "./photo-set-upload.js";
import "./player.js";
import "./polling.js";
import "./samples.js";
import "./seek.js";
import "./share.js";
import "./upload-answers.js";
import "./upload-zone.js";
