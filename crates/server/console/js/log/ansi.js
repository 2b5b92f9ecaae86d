/**
 * The colours of terminals: a list of what is understood, and everything else is left out.
 */

// Sequences: CSI; OSC, DCS and their like up to their end; two-character escapes; then control characters but tabs.
const SEQUENCES = /\x1b\[([0-?]*)[ -/]*([@-~])|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]?|\x9b[0-?]*[ -/]*[@-~]|[\x00-\x08\x0a-\x1f\x7f-\x9f]/g;

const STYLES = { 1: 'bold', 2: 'dim', 3: 'italic', 4: 'underline', 9: 'strike' };
const RESETS = { 22: ['bold', 'dim'], 23: ['italic'], 24: ['underline'], 29: ['strike'] };

/** The values of the six steps of a terminal's colour cube. */
const CUBE = [0, 95, 135, 175, 215, 255];
const SIXTEEN = [
  [0, 0, 0], [170, 0, 0], [0, 170, 0], [170, 85, 0], [0, 0, 170], [170, 0, 170], [0, 170, 170], [170, 170, 170],
  [85, 85, 85], [255, 85, 85], [85, 255, 85], [255, 255, 85], [85, 85, 255], [255, 85, 255], [85, 255, 255], [255, 255, 255],
];

/**
 * A line as parts of one look each.
 *
 * @param {string} line
 * @returns {Array<{text: string, look: string}>} `look` is a list of classes
 */
export function parseAnsi(line) {
  const text = overwritten(line);
  const parts = [];
  const state = { front: null, back: null, styles: new Set() };
  let end = 0;
  const push = (until) => {
    if (until > end) {
      parts.push({ text: text.slice(end, until), look: look(state) });
    }
  };
  for (const match of text.matchAll(SEQUENCES)) {
    push(match.index);
    end = match.index + match[0].length;
    if (match[2] === 'm') {
      apply(state, match[1]);
    }
  }
  push(text.length);
  return parts;
}

/**
 * A line without its sequences: what is searched and copied.
 *
 * @param {string} text one line or many
 * @returns {string}
 */
export function stripAnsi(text) {
  return /[\x00-\x08\x0b-\x1f\x7f-\x9f]/.test(text)
    ? text.split('\n').map((line) => overwritten(line).replace(SEQUENCES, '')).join('\n')
    : text;
}

/** A carriage return begins the line anew, as progress bars do it; what came last stays. */
function overwritten(line) {
  const text = line.endsWith('\r') ? line.slice(0, -1) : line;
  const place = text.lastIndexOf('\r');
  return place < 0 ? text : text.slice(place + 1);
}

function look({ front, back, styles }) {
  const names = [...styles].map((style) => `sgr-${style}`);
  if (front !== null) {
    names.push(`f${front}`);
  }
  if (back !== null) {
    names.push(`b${back}`);
  }
  return names.join(' ');
}

function apply(state, parameters) {
  const codes = parameters.split(/[;:]/).map((it) => Number(it) || 0);
  for (let i = 0; i < codes.length; i += 1) {
    const code = codes[i];
    if (code === 0) {
      Object.assign(state, { front: null, back: null, styles: new Set() });
    } else if (code in STYLES) {
      state.styles.add(STYLES[code]);
    } else if (code in RESETS) {
      RESETS[code].forEach((style) => state.styles.delete(style));
    } else if (code === 38 || code === 48) {
      const isIndexed = codes[i + 1] === 5;
      const colour = isIndexed ? fromIndex(codes[i + 2]) : nearest(codes.slice(i + 2, i + 5));
      state[code === 38 ? 'front' : 'back'] = colour;
      i += isIndexed ? 2 : 4;
    } else {
      applyColour(state, code);
    }
  }
}

function applyColour(state, code) {
  if (code === 39) {
    state.front = null;
  } else if (code === 49) {
    state.back = null;
  } else if (code >= 30 && code <= 37) {
    state.front = code - 30;
  } else if (code >= 40 && code <= 47) {
    state.back = code - 40;
  } else if (code >= 90 && code <= 97) {
    state.front = code - 82;
  } else if (code >= 100 && code <= 107) {
    state.back = code - 92;
  }
}

/** One of 256 colours as the nearest of the sixteen that are readable on both grounds. */
function fromIndex(index = 0) {
  if (index < 16) {
    return index;
  }
  if (index >= 232) {
    const grey = 8 + (index - 232) * 10;
    return nearest([grey, grey, grey]);
  }
  const place = Math.min(index, 231) - 16;
  return nearest([CUBE[Math.floor(place / 36)], CUBE[Math.floor(place / 6) % 6], CUBE[place % 6]]);
}

function nearest([red = 0, green = 0, blue = 0]) {
  let best = 0;
  let least = Infinity;
  SIXTEEN.forEach(([r, g, b], place) => {
    const distance = (r - red) ** 2 + (g - green) ** 2 + (b - blue) ** 2;
    if (distance < least) {
      [best, least] = [place, distance];
    }
  });
  return best;
}
