// How the widget looks. Pages change it by the variables `--verbatim-*` and by `::part()`. All is logical: it turns around in
// a page that is written from right to left.
import { BUTTONS } from "./buttons.js";
import { COMPOSER } from "./composer.js";
import { CONDITIONS, COVERS } from "./conditions.js";
import { FRAME } from "./frame.js";
import { LOG } from "./log.js";

export { COVERS };

export const STYLES = [FRAME, BUTTONS, LOG, COMPOSER, CONDITIONS];
