"""Jobs on whole images, each a function that neither prints nor asks::

check, compare, convert     what qemu-img does under these names
building                    a new image from its data alone, in one pass: nobody sees it before it is whole
copying                     the plan of a copy, and the workers that carry it out
images, raw                 whatever can be read as a disk: VDI, or plain bytes
zeros                       where a buffer holds something else than zeros
"""
