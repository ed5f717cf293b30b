// ONNX Runtime on the CPU: all graph optimisations, sequential execution. Usage: peer_ort.js FOLDER THREADS RUNS float|int8
// NODE_PATH names the node_modules folder with onnxruntime-node.
'use strict';
const fs = require('fs');
const path = require('path');
const ort = require('onnxruntime-node');

const WARM_UP = 3;
const [folder, threads, runs] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const FORMS = {
  float: {model: 'network.onnx', input: 'input.f32', logits: 'logits.f32', numbers: Float32Array, type: 'float32', shape: [1, 3, 513, 513],
          name: ''},
  int8: {model: 'network8.onnx', input: 'input.u8', logits: 'logits8.u8', numbers: Uint8Array, type: 'uint8', shape: [1, 513, 513, 3],
         name: ', QLinearConv'},
};
const form = FORMS[process.argv[5]];

function readNumbers(name) {
  const bytes = fs.readFileSync(path.join(folder, name));
  return new form.numbers(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

async function main() {
  const session = await ort.InferenceSession.create(path.join(folder, form.model), {
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'all',
    executionMode: 'sequential',
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
  });
  const feeds = {[session.inputNames[0]]: new ort.Tensor(form.type, readNumbers(form.input), form.shape)};
  const times = [];
  let logits;
  for (let i = -WARM_UP; i < runs; i++) {
    const start = process.hrtime.bigint();
    const results = await session.run(feeds);
    const ms = Number(process.hrtime.bigint() - start) / 1e6;
    logits = results[session.outputNames[0]].data;
    if (i >= 0) times.push(ms);
  }
  times.sort((a, b) => a - b);
  const wanted = readNumbers(form.logits);
  let [difference, largest] = [logits.length === wanted.length ? 0 : Infinity, 0];
  wanted.forEach((value, i) => {
    difference = Math.max(difference, Math.abs(value - logits[i]));
    largest = Math.max(largest, Math.abs(value));
  });
  const name = `ONNX Runtime ${ort.env.versions.node}${form.name}`;
  const median = (times[(runs - 1) >> 1] + times[runs >> 1]) / 2;
  console.log(JSON.stringify({name, min_ms: times[0], median_ms: median, error: difference / largest}));
}

main().catch((error) => {
  console.error(`peer_ort.js: ${error.message}`);
  process.exit(1);
});
