"""The disk over an image. From the request down to what it stands on::

opening, creating       from a path to a disk; from nothing to an image
folder                  the calls by which a new file comes to its name
disk                    the write path: the control flow of every request that changes something
reader                  the read path, and what every disk has
session                 the first and the last thing that a writer does to an image
allocation, slots       who may allocate a block; where it may live
metadata                the one writer of bmap entries and of the header's count
flusher, lifecycle      what is on stable storage; what the disk still accepts
blockmap, scan, extents the bmap in memory, as a stream, and as runs
locking, info           who else has the image open; what it is
"""
