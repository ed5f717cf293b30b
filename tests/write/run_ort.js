// node run_ort.js MODEL INPUT OUTPUT HEIGHT WIDTH: ONNX Runtime's only output for an input [1, 3, HEIGHT, WIDTH], both files of float32.
// Its module, onnxruntime-node or onnxruntime-web, is in the folder $MSEG_NODE_MODULES.
'use strict';
const fs = require('fs');
const path = require('path');

function runtime() {
  for (const name of ['onnxruntime-node', 'onnxruntime-web']) {
    const folder = path.join(process.env.MSEG_NODE_MODULES || '', name);
    if (fs.existsSync(folder)) return require(folder);
  }
  throw new Error('no ONNX Runtime in $MSEG_NODE_MODULES');
}

async function main() {
  const [model, input, output, height, width] = process.argv.slice(2);
  const {InferenceSession, Tensor} = runtime(), raw = fs.readFileSync(input);
  const session = await InferenceSession.create(fs.readFileSync(model), {intraOpNumThreads: 1, interOpNumThreads: 1});
  const picture = new Tensor('float32', new Float32Array(raw.buffer, raw.byteOffset, raw.length / 4), [1, 3, +height, +width]);
  const made = (await session.run({[session.inputNames[0]]: picture}))[session.outputNames[0]].data;
  fs.writeFileSync(output, Buffer.from(made.buffer, made.byteOffset, made.byteLength));
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
