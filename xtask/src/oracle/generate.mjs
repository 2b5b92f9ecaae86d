// What both generators share: a random source that begins at a seed, and how a value is written down.

/** Numbers in [0, 1) that are the same on every machine: mulberry32. */
export function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Picks one of a list. */
export function picker(next) {
  return (list) => list[Math.floor(next() * list.length)];
}

/** A value as one line: JSON, and JavaScript's own words for what JSON does not know. */
export function describe(value) {
  switch (typeof value) {
    case "undefined":
    case "function":
      return typeof value;
    case "number":
      return String(value);
    default:
      return JSON.stringify(value);
  }
}

/** Runs each expression once, and prints what came out. */
export function record(oracle, context, expressions, evaluate) {
  const cases = [...new Set(expressions)].map((expression) => {
    try {
      return { expression, result: describe(evaluate(expression)) };
    } catch (error) {
      return { expression, error: `${error.name}: ${String(error.message).split("\n")[0]}` };
    }
  });
  const lines = cases.map((one) => `    ${JSON.stringify(one)}`).join(",\n");
  const head = `  "oracle": ${JSON.stringify(oracle)},\n  "context": ${JSON.stringify(context)},\n`;
  process.stdout.write(`{\n${head}  "cases": [\n${lines}\n  ]\n}\n`);
}
