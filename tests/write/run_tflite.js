// Runs a model in Google's TensorFlow Lite (@tensorflow/tfjs-tflite, WebAssembly with XNNPACK).
// Usage: run_tflite.js NODE_MODULES MODEL INPUT OUTPUT; INPUT and OUTPUT are the bytes of the tensors.
'use strict';
const fs = require('fs');
const path = require('path');

async function main() {
  const [modules, model, input, output] = process.argv.slice(2);
  const wasm = path.join(path.resolve(modules), '@tensorflow/tfjs-tflite/wasm/tflite_web_api_cc_simd');
  const lite = await require(wasm + '.js')({wasmBinary: fs.readFileSync(wasm + '.wasm'), printErr: () => {}, print: () => {}});
  const bytes = fs.readFileSync(model);
  const place = lite._malloc(bytes.length);
  lite.HEAPU8.set(bytes, place);
  const options = {numThreads: 1, enableProfiling: false, maxProfilingBufferEntries: 1024};
  const made = lite.TFLiteWebModelRunner.CreateFromBufferAndOptions(place, bytes.length, options);
  if (!made.ok()) throw Error(made.errorMessage());
  const runner = made.value();
  const to = runner.GetInputs().get(0).data(), given = fs.readFileSync(input);
  if (given.length !== to.byteLength) throw Error(`the input has ${given.length} bytes, the model takes ${to.byteLength}`);
  new Uint8Array(to.buffer, to.byteOffset, to.byteLength).set(given);
  if (!runner.Infer()) throw Error('it does not run');
  const tensor = runner.GetOutputs().get(0), data = tensor.data();
  fs.writeFileSync(output, Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  console.log(`${tensor.name} ${tensor.shape} ${tensor.dataType}`);
}

main().then(() => process.exit(0), (error) => {
  console.error(`run_tflite.js: ${error.message || error}`);
  process.exit(1);
});
