"""A narrow window that stays on top, from which takes are dragged into any program. Needs PySide6.

Qt is loaded when the window opens: nothing else of Punchin needs it.
"""

from __future__ import annotations

import signal
from typing import Any

from punchin_wire.errors import BadSetting

from .board import Board, Entry

TITLE = "Punchin: takes to drag"
EMPTY = "No takes yet. Punch in, and drag them from here into your DAW."
WIDTH, HEIGHT = 340, 420
AWAKE_MS = 200


def run() -> None:
    """Show the window until it is closed. Raises BadSetting where PySide6 is not installed."""
    try:
        from PySide6 import QtCore, QtGui, QtWidgets
    except ImportError:
        raise BadSetting("The shelf needs PySide6.", "Install it: `pip install 'punchin[shelf]'`.") from None

    class Takes(QtWidgets.QListWidget):
        """Their files leave by a drag, one or several; they are copied, never moved."""

        def startDrag(self, _actions: Any) -> None:  # noqa: N802 (Qt's name)
            files = [item.data(QtCore.Qt.ItemDataRole.UserRole) for item in self.selectedItems()]
            data = QtCore.QMimeData()
            data.setUrls([QtCore.QUrl.fromLocalFile(file) for file in files])
            drag = QtGui.QDrag(self)
            drag.setMimeData(data)
            drag.exec(QtCore.Qt.DropAction.CopyAction)

    class Window(QtWidgets.QWidget):
        told = QtCore.Signal(object)
        complained = QtCore.Signal(str)

        def __init__(self) -> None:
            super().__init__(None, QtCore.Qt.WindowType.WindowStaysOnTopHint)
            self.setWindowTitle(TITLE)
            self.resize(WIDTH, HEIGHT)
            self.line = QtWidgets.QLabel(EMPTY)
            self.line.setWordWrap(True)
            self.takes = Takes()
            self.takes.setAccessibleName(TITLE)
            self.takes.setSelectionMode(QtWidgets.QAbstractItemView.SelectionMode.ExtendedSelection)
            self.takes.setDragEnabled(True)
            layout = QtWidgets.QVBoxLayout(self)
            layout.addWidget(self.takes)
            layout.addWidget(self.line)
            self.told.connect(self.show_takes)
            self.complained.connect(self.line.setText)

        def show_takes(self, entries: tuple[Entry, ...]) -> None:
            self.takes.clear()
            for entry in entries:
                item = QtWidgets.QListWidgetItem(f"{entry.title}\n{entry.about}")
                item.setData(QtCore.Qt.ItemDataRole.UserRole, str(entry.path))
                item.setToolTip(str(entry.path))
                self.takes.addItem(item)
            self.line.setText("" if entries else EMPTY)

    program = QtWidgets.QApplication.instance() or QtWidgets.QApplication(["punchin"])
    window = Window()
    board = Board(window.told.emit, window.complained.emit)
    window.show()
    board.start()
    before = {which: signal.signal(which, lambda *_: program.quit()) for which in (signal.SIGINT, signal.SIGTERM)}
    awake = QtCore.QTimer()
    awake.timeout.connect(lambda: None)  # else Python would hear of signals only when the window is used
    awake.start(AWAKE_MS)
    try:
        program.exec()
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)
        board.close()
