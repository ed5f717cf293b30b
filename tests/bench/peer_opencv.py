#!/usr/bin/python3
"""OpenCV's DNN module, its own CPU backend. Usage: peer_opencv.py FOLDER THREADS RUNS"""

import os

import cv2

import peer

folder, threads, runs = peer.arguments()
cv2.setNumThreads(threads)
network = cv2.dnn.readNetFromONNX(os.path.join(folder, "network_opset9.onnx"))
network.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
network.setPreferableTarget(cv2.dnn.DNN_TARGET_CPU)
picture = peer.picture(folder)


def run():
    network.setInput(picture)
    return network.forward()


peer.report("OpenCV DNN %s" % cv2.__version__, folder, run, runs)
