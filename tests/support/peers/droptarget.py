"""Another program's window that takes files, by Qt, and prints their paths: `droptarget.py LEFT`, on the screen."""

from __future__ import annotations

import sys
from typing import Any

SIZE = 400
TOP = 100


def main(left: int) -> None:
    from PySide6 import QtWidgets

    class Window(QtWidgets.QLabel):
        def dragEnterEvent(self, event: Any) -> None:  # noqa: N802
            event.acceptProposedAction()

        def dropEvent(self, event: Any) -> None:  # noqa: N802
            print(*[url.toLocalFile() for url in event.mimeData().urls()], flush=True)
            event.acceptProposedAction()

    program = QtWidgets.QApplication([])
    window = Window("drop here")
    window.setAcceptDrops(True)
    window.setWindowTitle("target")
    window.setGeometry(left, TOP, SIZE, SIZE)
    window.show()
    program.exec()


if __name__ == "__main__":
    main(int(sys.argv[1]))
