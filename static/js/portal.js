// What HTML can't do by itself: palette, keys, theme, live figures, menus, selection.
import { startKeys } from "./keys.js";
import { startLive } from "./live.js";
import { startMenus } from "./menus.js";
import { startPalette } from "./palette.js";
import { startTheme } from "./switch.js";

const theme = startTheme();
const palette = startPalette({ theme });
startKeys({ theme, palette });
startMenus();
startLive();
