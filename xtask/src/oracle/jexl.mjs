// JEXL expressions, evaluated by the npm package.

import jexl from "jexl";

import { picker, random, record } from "./generate.mjs";

const context = {
  headers: { event: "push", "x-github-event": "push" },
  body: {
    ref: "refs/heads/main",
    after: null,
    forced: false,
    size: 2,
    repository: { id: 42, name: "web", topics: ["ci", "cd"] },
    commits: [
      { id: "a1", author: { name: "ann" }, added: ["x", "y"], n: 1, ok: true },
      { id: "b2", author: { name: "bob" }, added: [], n: 2, ok: false },
      { id: "c3", author: { name: "ann" }, added: ["z"], n: 10, ok: true },
    ],
    none: [],
    numbers: [3, 1, 2],
    mixed: ["a", 1, true, null, { x: 1 }, [1, 2]],
  },
  ref: "top",
};

const next = random(19700101);
const pick = picker(next);

const values = [
  "0", "1", "-1", "2.5", "10", "''", "'a'", "\"b\"", "'1'", "'10'", "' 2 '", "'0x1f'", "true", "false", "null", "undefined", "nothing",
  "body.ref", "body.size", "body.after", "body.forced", "body.repository", "body.repository.id", "body.commits", "body.numbers", "body.none",
  "body.mixed", "body.missing", "headers.event", "[]", "[1]", "['a', 'b']", "{}", "{a: 1}",
];
const operators = ["+", "-", "*", "/", "//", "%", "^", "==", "!=", ">", ">=", "<", "<=", "in", "&&", "||"];

const expressions = [];
for (const value of values) {
  expressions.push(value, `!${value}`, `!!${value}`, `'' + ${value}`, `${value} ? 'yes' : 'no'`, `${value} ?: 'default'`);
}
for (const operator of operators) {
  for (let n = 0; n < 22; n += 1) expressions.push(`${pick(values)} ${operator} ${pick(values)}`);
}

// How strongly operators bind.
for (let n = 0; n < 60; n += 1) {
  const number = () => pick(["1", "2", "3", "0", "-2", "true", "body.size", "false"]);
  expressions.push(`${number()} ${pick(operators)} ${number()} ${pick(operators)} ${number()} ${pick(operators)} ${number()}`);
}
expressions.push(
  "true || false && false", "false && false || true", "2 ^ 3 ^ 2", "2 ^ 3 % 5", "7 % 4 ^ 2", "2 * 3 ^ 2", "-2 ^ 2", "7 // 2 * 2", "-7 // 2",
  "7 // 0", "1 - 2 - 3", "1 == 1 == 1", "3 > 2 > 1", "!true == false", "!body.size ^ 2", "1 ? 2 : 3 ? 4 : 5", "0 ? 2 : 0 ? 4 : 5",
  "1 + 1 ? 'a' : 'b'", "0 || 0 ? 'a' : 'b'", "0 ?: 0 ?: 3", "1 ?: 2 + 3", "(0 ?: 2) + 3", "true ? 1 : 2 + 3", "1 in [1] == true", "'a' + 'b' in 'cab'",
  "0 ^ 0", "2 ^ -1", "2 ^ 0.5", "(0 - 8) ^ 0.5", "1 ^ nothing", "10 ^ 400", "5 % 3.5", "-5 % 3", "5 % 0", "5 / 0", "-5 / 0", "0 / 0",
);

// Literals.
expressions.push(
  "1.50", "05", "00.5", "123456789012345680000", "0.0000001", "5.", "1e3", "0x10", "1_000", "- 5", "-.5", "--5", "1--1", "1 - -1", "-(1)", "-a", "-'5'",
  "'it\\'s'", "\"say \\\"hi\\\"\"", "'it\\\"s'", "'a\\nb'", "'a\\\\b'", "'a\\\\b\\\\c'", "'a\\\\'", "'\\a'", ".5", "1 + .5", "0.5.5", "'a\nb'", "'abc", "'日本 🎉'", "'日本 🎉'.length", "[1, 2, 3]", "[1, 'a', true, [2], {b: 3}]", "[1,]",
  "[nothing]", "[[1], [2]]", "[1 + 1, 2 * 2]", "[ ]", "{ }", "{a: 1, b: 'x', c: [1]}", "{a: {b: {c: 1}}}", "{a: 1,}", "{a: 1, a: 2}", "{a: nothing}",
  "{'a': 1}", "{\"a\": 1}", "{a}", "{a: }", "{1: 2}", "{true: 1}", "{in: 1}", "[,1]", "[1,,2]", "[1 2]", "[1", "{a: 1", "[1, -2]", "[-1, 2]", "{a: -1}",
  "{a: 1}.a", "{a: {b: 1}}.a.b", "{a: 1}['a']", "[1, 2][0]", "'abc'[0]", "'abc'.length", "[{a: 1}].a", "[1, 2].length", "(1)", "((1))",
);

// Properties and filters.
expressions.push(
  "body['ref']", "body['r' + 'ef']", "headers['x-github-event']", "headers[\"x-github-event\"] == 'push'", "headers['none']", "body.ref.length", "body.ref[0]", "body.ref['length']",
  "body.commits.id", "body.commits.author.name", "body.commits.length", "body.commits['length']", "body.commits[0].id", "body.commits[2].author.name", "body.commits[9]",
  "body.commits[9].id", "body.commits[-1]", "body.commits['0'].id", "body.commits['id']", "body.commits[1.5]", "body.commits[body.size].id", "body.none.id", "body.none[0]", "body.none[0].id",
  "body.numbers[0] + body.numbers[1]", "body.mixed[5][1]", "body.mixed[4].x", "body.mixed[3].x", "body.mixed.length", "body.after.x", "body.after.x.y", "body.missing.x.y", "nothing.x", "nothing[0]",
  "nothing['x']", "null.x", "body.after['x']", "body.after[0]", "body.size.x", "body.size['x']", "body.forced.x", "body.repository.topics[1]", "body.repository.topics", ".ref", ".body.ref", ".nothing",
  "body.commits[.id == 'b2']", "body.commits[.id == 'b2'].n", "body.commits[.author.name == 'ann']", "body.commits[.author.name == 'ann'][1].id", "body.commits[.author.name == 'ann'].length",
  "body.commits[.author.name == 'ann']['length']", "body.commits[.n > 1 && .ok]", "body.commits[.n > 1 && .ok].id", "body.commits[.ok]", "body.commits[!.ok].id", "body.commits[.added.length]",
  "body.commits['x' in .added]", "body.commits['x' in .added].id", "body.commits[.added['length'] > 1].id", "body.commits[.added[. == 'z']]", "body.commits[.none]", "body.commits[.n == body.size].id", "body.commits[.n]",
  "body.commits[true].id", "body.commits[false]", "body.commits[true]['length']", "body.commits[body.forced]", "body.commits[1 == 1].id", "body.commits[(.n == 2)].id", "body.commits[(.n == 2) && .ok]",
  "body.commits[.ok ? .n > 5 : .n == 2]", "body.commits[.ok ?: .n].id", "body.repository[.id == 42]", "body.repository[.id == 42].name", "body.repository[.id == 1]", "body.repository[.id == 42][0].name", "body.ref[.length > 3]", "body.ref[.length == 1]",
  "body.missing[.x == 1]", "body.after[.x == 1]", "nothing[.a]", "body.mixed[.x]", "body.mixed[.x == 1]", "body.mixed[.length]", "body.mixed[.ref == 'top']", "body.numbers[.x]", "body.numbers[. > 1]",
  "body.commits[.added[.length == 1]]", "body.commits[.author[.name == 'bob']].id", "body.commits[[.n][0]]", "body.commits[.n in [1, 10]].id", "'ann' in body.commits.author.name", "body.commits[]", "body.commits[", "body.commits[0", "(body).ref", "(body.commits)[0]",
  "(body.commits).id", "(!body.forced).x", "(body.size + 1).x", "body.ref.", "body..ref", "body.1", "body.true", "body.in", "body.repository.constructor", "body.ref.toString", "headers.__proto__", "body.numbers.map",
  "'ci' in body.repository.topics", "'main' in body.ref", "1 in '123'", "nothing in 'undefined'", "1 in body.numbers", "'1' in body.numbers", "null in [null]", "{} in [{}]", "body in [body]", "1 in 5", "'a' in {a: 1}", "'refs/heads/main' in [body.ref]",
);

// What is no JEXL, or none without transforms.
expressions.push(
  "", "   ", "1 +", "+ 1", "* 1", "1 2", "a b", "(1", "1)", "()", "!", "1 !", "1 ? 2", "1 ? 2 :", "0 ? 2 :", "? 1", "1 ?", ":", "a === b", "1 === 1", "1 !== 1", "a = 1", "a & b", "a ?? b", "a ?. b", "a ?.b : c",
  "a => 1", "a ** 2", "1 ++ 2", "body.ref|upper", "body.ref | upper", "true || x|y", "upper(body.ref)", "true || f()", "false || f(1, 2)", "body.f()", "'a'.trim()", "`a`", "a; b", "# a", "1 // 2 // 2", "/* a */ 1", "@a", "a § b",
  "typeof a", "new a", "null == undefined", "nothing == null", "nothing != null", "body.after == null", "body.after == nothing", "not a", "a and b", "1 , 2", "[1](0)", "~1", "a[b", "}", "{", "]", "a.b.", "in", "1 in", "true.x", "é", "ключ", "日本", "$a_1", "a-b", "a$",
);

// Trees of all of it.
function tree(depth) {
  if (depth === 0 || next() < 0.15) return pick(values);
  const sub = () => tree(depth - 1);
  switch (Math.floor(next() * 9)) {
    case 0:
      return `(${sub()} ? ${sub()} : ${sub()})`;
    case 1:
      return `!${pick(values)}`;
    case 2:
      return `(${sub()})`;
    case 3:
      return `[${sub()}, ${pick(values.filter((value) => value !== "-1"))}]`;
    case 4:
      return `body.commits[.n ${pick(operators)} ${pick(values)}]`;
    default:
      return `${sub()} ${pick(operators)} ${sub()}`;
  }
}
for (let n = 0; n < 150; n += 1) expressions.push(tree(3));

record("jexl 2.3.0", context, expressions, (expression) => jexl.evalSync(expression, structuredClone(context)));
