'use strict';
// Calls one plugin: the request comes on stdin, the answer goes to the file named by the first argument, and what the
// plugin says goes to stdout. Written for every Node.js there is, so that an old one can say that it is too old.

const fs = require('fs');
const path = require('path');
const util = require('util');
const Module = require('module');
const { pathToFileURL } = require('url');

const OLDEST = 18;
const answerFile = process.argv[2];
const isDebug = process.env.FLOWCD_DEBUG === 'true';

let hasAnswered = false;

function answer(value) {
  if (hasAnswered) {
    return;
  }
  hasAnswered = true;
  let text;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    text = JSON.stringify({ error: 'its outputs cannot be written as JSON: ' + error.message });
  }
  fs.writeFileSync(answerFile, text);
}

function messageOf(error) {
  if (error instanceof Error || (error && typeof error.message === 'string')) {
    return error.message || error.name || 'an error without a message';
  }
  return typeof error === 'string' ? error : util.inspect(error);
}

function fail(error) {
  if (isDebug && error && error.stack) {
    write('debug: ' + error.stack);
  }
  answer({ error: messageOf(error) });
  process.exit(1);
}

function write(text) {
  process.stdout.write(text.endsWith('\n') ? text : text + '\n');
}

function line(prefix) {
  return (...args) => {
    const told = args.map((arg) => (arg instanceof Error && !isDebug ? arg.message : arg));
    write(prefix + util.format(...told));
  };
}

function makeLogger() {
  const logger = {
    log: line(''),
    info: line(''),
    warn: line('Warning: '),
    error: line('Error: '),
    debug: isDebug ? line('debug: ') : () => {},
    write: (text) => process.stdout.write(String(text)),
  };
  logger.warning = logger.warn;
  logger.trace = logger.debug;
  return logger;
}

// -- Templates.
//
// The inputs have been rendered before they came here. Packages made for the reference render them again, with an
// engine whose expressions are JavaScript: a commit message with `{{ }}` in it would be run. So inputs are taken as
// they are, and as soon as anything that a run is told could be a part of a template, no text is taken for one.

const TEMPLATE_MARK = /\{\{|<%|[{<]$/;
const COMPILER = /[\\/]art-template[\\/]lib[\\/]compile[\\/]index\.js$/;
const GET_INPUTS = /[\\/]@serverless-cd[\\/]core[\\/]lib[\\/]get-inputs\.js$/;
// What the engine's own files have in them, wherever they were copied to.
const ENGINE_SIGNATURE = /\$imports\b[^]*\$escape\b|\$escape\b[^]*\$imports\b/;
const KNOWN_FILES = /[\\/]art-template[\\/](?!lib[\\/]template-web)/;

function hasMark(value) {
  const waiting = [value];
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (typeof next === 'string') {
      if (TEMPLATE_MARK.test(next)) {
        return true;
      }
    } else if (next && typeof next === 'object') {
      for (const key of Object.keys(next)) {
        waiting.push(key, next[key]);
      }
    }
  }
  return false;
}

// Takes the place of the engine's compiler: the template is its own result.
function compileToItself(compile) {
  const compileText = (source, options) => {
    const text = typeof source === 'string' ? source : (source || {}).source;
    if (typeof text !== 'string') {
      return compile(source, options);
    }
    const render = () => text;
    render.mappings = [];
    render.sourcesContent = [];
    return render;
  };
  return Object.assign(compileText, compile);
}

// Every file that is loaded passes here, whether by `require` or by `import`.
function watchFiles(isUntrusted) {
  const load = Module._extensions['.js'];
  Module._extensions['.js'] = function (module, file) {
    if (isUntrusted) {
      refuseHiddenEngine(file);
    }
    load.apply(this, arguments);
    if (GET_INPUTS.test(file)) {
      module.exports.default = (inputs) => (inputs ? JSON.parse(JSON.stringify(inputs)) : undefined);
    }
    if (isUntrusted && COMPILER.test(file)) {
      module.exports = compileToItself(module.exports);
    }
  };
}

// A package that has everything in one file brings an engine that nobody can get hold of.
const looked = new Set();
function refuseHiddenEngine(file) {
  if (looked.has(file) || !/\.[cm]?js$/.test(file) || KNOWN_FILES.test(file)) {
    return;
  }
  looked.add(file);
  const text = fs.readFileSync(file, 'utf8');
  if (ENGINE_SIGNATURE.test(text)) {
    throw new Error(
      'an input or a variable has `{{` or `<%` in it, which this plugin would run as code: ' +
        'it has a template engine of its own'
    );
  }
}

// -- The plugin.

function entryOf(plugin) {
  if (!fs.statSync(plugin).isDirectory()) {
    return plugin;
  }
  let manifest = {};
  try {
    manifest = JSON.parse(fs.readFileSync(path.join(plugin, 'package.json'), 'utf8'));
  } catch (error) {
    if (error.code !== 'ENOENT') {
      throw new Error('cannot read its package.json: ' + error.message);
    }
  }
  const exported = exportOf(manifest.exports);
  if (exported) {
    return path.join(plugin, exported);
  }
  return require.resolve(plugin);
}

function exportOf(exported) {
  if (typeof exported === 'string') {
    return exported;
  }
  if (Array.isArray(exported)) {
    return exported.map(exportOf).find(Boolean);
  }
  if (exported && typeof exported === 'object') {
    const keys = ['.', 'node', 'require', 'import', 'default'];
    return keys.filter((key) => key in exported).map((key) => exportOf(exported[key])).find(Boolean);
  }
  return undefined;
}

async function load(entry) {
  const importIt = () => import(pathToFileURL(entry).href);
  if (entry.endsWith('.mjs')) {
    return importIt();
  }
  try {
    return require(entry);
  } catch (error) {
    if (error.code === 'ERR_REQUIRE_ESM' || error.code === 'ERR_REQUIRE_ASYNC_MODULE') {
      return importIt();
    }
    throw error;
  }
}

// `exports.run`, `exports.default.run`, and once more for a default export that was compiled twice.
function find(plugin, name) {
  let owner = plugin;
  for (let depth = 0; depth < 3 && owner; depth += 1) {
    if (typeof owner[name] === 'function') {
      return owner[name].bind(owner);
    }
    if (depth > 0 && name === 'run' && typeof owner === 'function' && !/^class\b/.test(String(owner))) {
      return owner;
    }
    owner = owner.default;
  }
  return undefined;
}

async function main(request) {
  const version = Number(process.versions.node.split('.')[0]);
  if (version < OLDEST) {
    throw new Error('it needs Node.js ' + OLDEST + ' or newer, and this is ' + process.versions.node);
  }
  const entry = entryOf(request.plugin);
  const isUntrusted = hasMark(request.inputs) || hasMark((request.context || {}).$variables);
  watchFiles(isUntrusted);
  if (isUntrusted) {
    refuseHiddenEngine(entry);
  }
  const plugin = await load(entry);
  const run = find(plugin, 'run');
  if (!run) {
    throw new Error('it exports no function `run`');
  }
  const postRun = find(plugin, 'postRun');
  if (request.phase === 'describe') {
    answer({ hasPost: Boolean(postRun) });
    process.exit(0);
  }
  const call = request.phase === 'post' ? postRun : run;
  const logger = makeLogger();
  const result = call ? await call(request.inputs, request.context, logger) : undefined;
  const isMapping = result && typeof result === 'object' && !Array.isArray(result);
  answer({ outputs: isMapping ? result : {} });
  process.exit(0);
}

process.on('uncaughtException', fail);
process.on('unhandledRejection', fail);
process.on('exit', (code) => {
  if (!hasAnswered) {
    // Nothing is left to be waited for, or the plugin ended the process.
    answer({ error: code === 0 ? 'it ended before it was done' : 'it ended with exit code ' + code });
    process.exitCode = code || 1;
  }
});

const pieces = [];
process.stdin.on('data', (piece) => pieces.push(piece));
process.stdin.on('end', () => {
  let request;
  try {
    request = JSON.parse(Buffer.concat(pieces).toString('utf8'));
  } catch (error) {
    fail(error);
    return;
  }
  main(request).catch(fail);
});
