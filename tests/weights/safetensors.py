"""safetensors files in a few lines of Python: what mseg reads and writes of them is compared with this. Format: README of
github.com/huggingface/safetensors."""
import json
import struct

import numpy as np

TYPES = {'F16': 'f2', 'F32': 'f4', 'F64': 'f8', 'I64': 'i8'}


def write(path, tensors, metadata=None, types=None):
    """tensors: name -> array; types: name -> 'BF16' where NumPy has not the type: the array holds its upper 16 bits."""
    header, data = {}, b''
    if metadata:
        header['__metadata__'] = metadata
    for name, array in tensors.items():
        kind = (types or {}).get(name) or next(k for k, v in TYPES.items() if np.dtype(v) == array.dtype)
        raw = np.ascontiguousarray(array).tobytes()
        header[name] = {'dtype': kind, 'shape': list(array.shape), 'data_offsets': [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    with open(path, 'wb') as file:
        file.write(struct.pack('<Q', len(text)) + text + data)


def read(path):
    """name -> array, metadata, header's length. Every rule of the format is looked at."""
    with open(path, 'rb') as file:
        content = file.read()
    length, = struct.unpack_from('<Q', content)
    assert content[8:9] == b'{'
    header, data = json.loads(content[8:8 + length]), content[8 + length:]
    metadata, tensors, places = header.pop('__metadata__', {}), {}, []
    assert all(isinstance(value, str) for value in metadata.values())
    for name, t in header.items():
        begin, end = t['data_offsets']
        kind = np.dtype(TYPES[t['dtype']]).newbyteorder('<')
        tensors[name] = np.frombuffer(data[begin:end], kind).reshape(t['shape'])
        places.append((begin, end))
    assert [0] + [end for _, end in sorted(places)] == [begin for begin, _ in sorted(places)] + [len(data)]
    return tensors, metadata, length
