#!/usr/bin/env python3
"""segment.py WIDTH HEIGHT < rgb > labels: mseg by ctypes. RGB pixels in, a class id a pixel out. As a module:

    labels = Segmenter()(picture)             # NumPy: uint8 [height, width, 3] -> uint8 [height, width]
    labels = Segmenter()(pixels, (640, 480))  # bytes -> bytes
"""
import ctypes
import sys
from ctypes import POINTER, byref, c_bool, c_char, c_char_p, c_double, c_float, c_int, c_size_t, c_uint8, c_uint64, c_void_p

LIBRARY = 'libmseg.so.0.1'  # the soname: the structs below are those of its header


class Error(ctypes.Structure):
    _fields_ = [('status', c_int), ('text', c_char * 256)]


class View(ctypes.Structure):
    _fields_ = [('width', c_int), ('height', c_int), ('format', c_int), ('stride', c_size_t), ('data', POINTER(c_uint8))]


MSEG_RGB = 1  # of mseg_format, in which there are BGR, RGBA and BGRA, too


class RunOptions(ctypes.Structure):
    _fields_ = [('struct_size', c_size_t), ('resize', c_int), ('pad', c_int), ('size', c_int), ('scales', c_double * 8),
                ('n_scales', c_int), ('flip', c_bool)]


class Result(ctypes.Structure):
    _fields_ = [('labels', View), ('logits', POINTER(c_float)),
                *((name, c_int) for name in ['logits_width', 'logits_height', 'classes', 'canvas_width', 'canvas_height',
                                             'scaled_width', 'scaled_height']),
                ('resize_ms', c_double), ('network_ms', c_double), ('label_ms', c_double), ('reserved', c_uint64 * 8)]


class Segmenter:
    """A model (None: the built-in one) with one session: for one thread at a time."""
    model = session = None

    def __init__(self, model=None, library=LIBRARY):
        self.lib = ctypes.CDLL(library)
        self.lib.mseg_run_options_init.argtypes = [POINTER(RunOptions), c_size_t]
        self.lib.mseg_run_options_init.restype = None
        self.model, self.session, self.options = c_void_p(), c_void_p(), RunOptions()
        if model is None:
            self.call('mseg_model_open_builtin', byref(self.model), None)
        else:
            self.call('mseg_model_open', byref(self.model), c_char_p(model.encode()), None)
        self.call('mseg_session_open', byref(self.session), self.model, None)
        self.lib.mseg_run_options_init(byref(self.options), ctypes.sizeof(self.options))
        self.options.size = 0  # what the model was trained at

    def __del__(self):
        if self.model is not None:
            self.lib.mseg_session_close(byref(self.session))
            self.lib.mseg_model_close(byref(self.model))

    def call(self, function, *arguments):
        """Calls what returns a status and takes an error last."""
        error = Error()
        if getattr(self.lib, function)(*arguments, byref(error)):
            raise RuntimeError(error.text.decode())

    def __call__(self, rgb, size=None):
        view = memoryview(rgb)
        width, height = size or (view.shape[1], view.shape[0])
        pixels = view.tobytes()  # the rows without gaps, whatever they were; kept until the call is over
        if view.itemsize != 1 or len(pixels) != width * height * 3:
            raise ValueError('not one byte for each of R, G and B')
        photo = View(width, height, MSEG_RGB, width * 3, ctypes.cast(c_char_p(pixels), POINTER(c_uint8)))
        result = Result()
        self.call('mseg_segment', self.session, photo, byref(self.options), byref(result))
        out, start = result.labels, ctypes.addressof(result.labels.data.contents)  # the session's: copied before its next run
        labels = b''.join(ctypes.string_at(start + y * out.stride, out.width) for y in range(out.height))
        if size:
            return labels
        import numpy
        return numpy.frombuffer(labels, numpy.uint8).reshape(height, width)


if __name__ == '__main__':
    if len(sys.argv) != 3:
        sys.exit('usage: segment.py WIDTH HEIGHT < rgb > labels')
    sys.stdout.buffer.write(Segmenter()(sys.stdin.buffer.read(), (int(sys.argv[1]), int(sys.argv[2]))))
