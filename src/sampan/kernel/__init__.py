"""The waist of the hourglass: plain values and the ports that services stand on.

Pure: standard library only, no I/O. Everything else may import this; this imports nothing of ours.
"""
