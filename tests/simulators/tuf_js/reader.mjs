// Polls of tuf-js: refresh, then fetch what there is of the paths that are wanted.
//
// usage: node reader.mjs WHERE-TUF-JS-IS, with one order a line, as JSON, on standard input.
// Each poll is a client of its own that knows nothing but its folders. It is answered in one line:
// {files: {path: file or null}}, or {error, message, status} of what tuf-js threw.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const { Updater } = createRequire(`${process.argv[2]}/package.json`)("tuf-js");

async function poll({ metadata, targets, url, paths }) {
  const updater = new Updater({
    metadataDir: metadata,
    metadataBaseUrl: `${url}/metadata`,
    targetDir: targets,
    targetBaseUrl: `${url}/targets`,
  });
  await updater.refresh();
  const files = {};
  for (const path of paths) {
    const info = await updater.getTargetInfo(path);
    files[path] = info ? await updater.downloadTarget(info) : null;
  }
  return { files };
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = await poll(JSON.parse(line));
  } catch (error) {
    const { name } = error.constructor;
    answer = { error: name, message: error.message, status: error.statusCode ?? 0 };
  }
  console.log(JSON.stringify(answer));
}
