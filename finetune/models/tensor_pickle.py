"""A stack machine for pickles that contain only tensors, which calls nothing that a pickle names.

A pickle is a program, and Python's own machine lets it call any function of any module. This one
knows only the instructions and the few names that a dictionary of tensors needs. It builds
containers and descriptions of tensors.
"""

import pickletools
from typing import Any, BinaryIO, Callable, Dict, List, NamedTuple, Tuple, Union

import numpy as np

# PyTorch's names for the dtypes of storages. NumPy has no bfloat16, which is the upper half of a
# float32.
BFLOAT16 = "torch BFloat16Storage"
DTYPES: Dict[str, np.dtype] = {
    "torch FloatStorage": np.dtype("<f4"),
    "torch HalfStorage": np.dtype("<f2"),
    BFLOAT16: np.dtype("<u2"),
    "torch DoubleStorage": np.dtype("<f8"),
    "torch LongStorage": np.dtype("<i8"),
    "torch IntStorage": np.dtype("<i4"),
    "torch ShortStorage": np.dtype("<i2"),
    "torch CharStorage": np.dtype("<i1"),
    "torch ByteStorage": np.dtype("<u1"),
    "torch BoolStorage": np.dtype("?"),
}
_DICT = "collections OrderedDict"
_TENSOR = ("torch._utils _rebuild_tensor", "torch._utils _rebuild_tensor_v2")
_PARAMETER = "torch._utils _rebuild_parameter"
_NAMES = frozenset((_DICT, *_TENSOR, _PARAMETER, *DTYPES))
_PUSHED = frozenset(
    """BININT BININT1 BININT2 LONG1 BINFLOAT BINUNICODE SHORT_BINUNICODE BINSTRING
    SHORT_BINSTRING""".split()
)
_CONSTANTS: Dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
}
_TUPLE_SIZES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class Refused(Exception):
    """The file is damaged, or contains something other than tensors."""


class _Name(str):
    """A global that the pickle names: its module and name, separated by a space."""


class Storage(NamedTuple):
    """A block of memory: its key in the file, its dtype's name, and its number of elements."""

    key: str
    dtype: str
    size: int


class Tensor(NamedTuple):
    """A view of a storage; offset and strides are numbers of elements."""

    storage: Storage
    offset: int
    shape: Tuple[int, ...]
    strides: Tuple[int, ...]


def load(pickled: Union[bytes, BinaryIO]) -> Any:
    """Returns the value of the next pickle in a file: containers, numbers, texts and tensors.

    Raises:
      Refused: The pickle contains anything else.
    """
    return _Machine().run(pickletools.genops(pickled))


def refuse(reason: str) -> Any:
    """Raises `Refused`."""
    raise Refused(reason)


class _Machine:
    """Runs the instructions of a pickle that consists of containers, tensors and plain values."""

    def __init__(self) -> None:
        self._stack: List[Any] = []
        self._marks: List[List[Any]] = []
        self._memo: Dict[int, Any] = {}

    def run(self, instructions: Any) -> Any:
        """Runs the instructions and returns the pickled value."""
        for instruction, argument, _ in instructions:
            name = instruction.name
            if name == "STOP":
                return self._stack.pop()
            if name in _PUSHED:
                self._stack.append(argument)
            elif name in _CONSTANTS:
                self._stack.append(_CONSTANTS[name]())
            elif name in _TUPLE_SIZES:
                self._stack.append(tuple(self._pop(_TUPLE_SIZES[name])))
            else:
                method = getattr(self, f"_do_{name.lower()}", None) or refuse(
                    f"the instruction {name}, which tensors do not need"
                )
                method(argument)
        return refuse("it ends too early")

    def _pop(self, count: int) -> List[Any]:
        if len(self._stack) < count:
            refuse("a malformed pickle")
        popped = self._stack[len(self._stack) - count :]
        del self._stack[len(self._stack) - count :]
        return popped

    def _pop_to_mark(self) -> List[Any]:
        items, self._stack = self._stack, self._marks.pop()
        return items

    def _do_proto(self, version: int) -> None:
        pass

    _do_frame = _do_proto

    def _do_mark(self, _: None) -> None:
        self._marks.append(self._stack)
        self._stack = []

    def _do_tuple(self, _: None) -> None:
        items = self._pop_to_mark()
        self._stack.append(tuple(items))

    def _do_append(self, _: None) -> None:
        self._add_to_list(self._pop(1))

    def _do_appends(self, _: None) -> None:
        self._add_to_list(self._pop_to_mark())

    def _do_setitem(self, _: None) -> None:
        self._add_to_dict(self._pop(2))

    def _do_setitems(self, _: None) -> None:
        self._add_to_dict(self._pop_to_mark())

    def _add_to_list(self, items: List[Any]) -> None:
        if not isinstance(self._stack[-1], list):
            refuse("a malformed pickle")
        self._stack[-1].extend(items)

    def _add_to_dict(self, items: List[Any]) -> None:
        if not isinstance(self._stack[-1], dict):
            refuse("a malformed pickle")
        keys = items[::2]
        # The hash of a deeply nested key would overflow Python's own stack.
        if not all(isinstance(key, (str, int)) for key in keys):
            refuse("a key that is not a name")
        self._stack[-1].update(zip(keys, items[1::2]))

    def _do_binput(self, index: int) -> None:
        self._memo[index] = self._stack[-1]

    _do_long_binput = _do_binput

    def _do_memoize(self, _: None) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def _do_binget(self, index: int) -> None:
        self._stack.append(self._memo[index])

    _do_long_binget = _do_binget

    def _do_global(self, name: str) -> None:
        if name not in _NAMES:
            refuse(f"it names {name.replace(' ', '.')!a:.80}, which tensors do not need")
        self._stack.append(_Name(name))

    def _do_stack_global(self, _: None) -> None:
        self._do_global(" ".join(map(str, self._pop(2))))

    def _do_binpersid(self, _: None) -> None:
        """Pushes the storage of an id: its kind, dtype, key, device, size and, if old, view."""
        (parts,) = self._pop(1)
        is_storage = isinstance(parts, tuple) and len(parts) in (5, 6) and parts[0] == "storage"
        if not is_storage or parts[1] not in DTYPES or not isinstance(parts[1], _Name):
            refuse("an unknown kind of storage")
        if len(parts) == 6 and parts[5] is not None:
            refuse("a view of a storage")
        if not isinstance(parts[2], str):
            refuse("an unknown kind of storage")
        self._stack.append(Storage(parts[2], str(parts[1]), _count(parts[4])))

    def _do_reduce(self, _: None) -> None:
        function, arguments = self._pop(2)
        if not isinstance(function, _Name) or not isinstance(arguments, tuple):
            refuse("a call of something that is not a name")
        if function == _DICT and not arguments:
            self._stack.append({})
        elif function in _TENSOR and len(arguments) >= 4:
            self._stack.append(_make_tensor(*arguments[:4]))
        elif function == _PARAMETER and arguments and isinstance(arguments[0], Tensor):
            self._stack.append(arguments[0])
        else:
            refuse(f"a call of {function.replace(' ', '.')}")

    def _do_build(self, _: None) -> None:
        """Drops the attributes of a dictionary: versions of its modules."""
        target = self._pop(2)[0]
        if not isinstance(target, dict):
            refuse("attributes of something that is not a dictionary")
        self._stack.append(target)


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        refuse(f"{value!r:.80} as a number of elements")
    return int(value)


def _make_tensor(storage: Any, offset: Any, shape: Any, strides: Any) -> Tensor:
    if not isinstance(storage, Storage):
        refuse("a tensor without a storage")
    if not isinstance(shape, tuple) or not isinstance(strides, tuple):
        refuse("a malformed tensor")
    if len(shape) != len(strides) or len(shape) > 8:
        refuse("a malformed tensor")
    return Tensor(storage, _count(offset), tuple(map(_count, shape)), tuple(map(_count, strides)))
