# SPDX-License-Identifier: LGPL-2.1-or-later
"""What makes Par natural in Python, over the bindings that PyGObject makes of its GIR."""

# The functions of signal itself make an Enum of what they take and give, which takes 3 us each.
import _signal
import atexit
import contextvars
import functools
import inspect
import os
import socket
import sys
import threading
import types
from signal import SIGINT

from gi.repository import Gio, GLib, GObject

from .. import _ossighelper
from ..module import get_introspection_module
from ..overrides import override

Par = get_introspection_module('Par')

__all__ = ['Attempt', 'Request', 'Requests', 'current_attempt']

# The domain of errors that stand for exceptions of Python. The code is the number of the attempt
# that has raised it, or 0 for the source of the requests.
_EXCEPTION = 'par-python-exception-quark'

# How many seconds the end of the interpreter waits for functions that have a cancellable.
_LONGEST_END = 1

_return_value = Par.Attempt.return_value
_return_error = Par.Attempt.return_error
_return_fatal_error = Par.Attempt.return_fatal_error
_get_cancellable = Par.Attempt.get_cancellable
_get_value = Par.Request.get_value
_new_thread = Par.Request.new_thread
_new_async = Par.Request.new_async
_add = Par.Requests.add
_add_argument = Par.Requests.add_argument
_add_thread = Par.Requests.add_thread
_add_async = Par.Requests.add_async
_set_function = Par.Requests.set_function
_set_source = Par.Requests.set_source
_set_worker_func = Par.Requests.set_worker_func
_work = Par.Requests.work
_do = Par.Requests.do
_do_finish = Par.Requests.do_finish
_next = Par.Requests.next
_next_finish = Par.Requests.next_finish

_run_dispose = get_introspection_module('GObject').Object.run_dispose

_current_attempt = contextvars.ContextVar('par-attempt')


def current_attempt():
    """The attempt that calls this: it has a number, a cancellable, a deadline."""
    attempt = _current_attempt.get(None)
    if attempt is None:
        raise RuntimeError('there is no attempt here: call this in the function of a request')
    return attempt


class _Workers:
    """The threads that call functions of requests, for which the end of the interpreter waits.

    While it ends, it ends each thread that wants to go on in Python, wherever that is. One whose
    function has a cancellable may be inside GLib's lock of all cancellables, for which whoever
    cancels one after that waits for ever. So those are cancelled before, and waited for. How long
    the others take nobody knows: they are left behind, as daemon threads are.
    """

    def __init__(self):
        # By thread: a weak reference to the requests it works for.
        self.requests = {}
        # The threads whose functions have asked for a cancellable.
        self.listeners = set()
        self.changed = threading.Condition()
        self.is_over = False

    def work(self, requests):
        thread = threading.get_ident()
        self.requests[thread] = requests
        try:
            _work()
        finally:
            with self.changed:
                del self.requests[thread]
                self.listeners.discard(thread)
                self.changed.notify_all()

    def listen(self):
        """Notes that the worker which calls this, if it is one, is given a cancellable."""
        thread = threading.get_ident()
        if thread in self.listeners or thread not in self.requests:
            return
        with self.changed:
            if self.is_over:
                raise RuntimeError('the interpreter ends, and this attempt with it')
            self.listeners.add(thread)

    def end(self):
        try:
            with self.changed:
                self.is_over = True
            for reference in list(self.requests.values()):
                # After the first of its workers it has no weak references.
                if (requests := reference()) is not None:
                    # This ends their run, and has workers leave that have nothing to do.
                    _run_dispose(requests)
            with self.changed:
                self.changed.wait_for(lambda: not self.listeners, _LONGEST_END)
        except (KeyboardInterrupt, SystemExit):
            # Of a signal handler: somebody does not want to wait.
            pass


_workers = _Workers()
# After the threads that the interpreter waits for, which may run requests until then.
atexit.register(_workers.end)
# The child has no workers.
os.register_at_fork(after_in_child=_workers.__init__)


class _Result:
    """What a function has returned, on its way through a GValue.

    PyGObject guesses the type of a GValue from the object: a gint for an int, however large, and
    nothing at all for None. Of this one it is told that it is an object of Python. The C side has
    the GValue, so the result is there for as long as the request is, whether or not the request
    has a wrapper meanwhile, and not longer.
    """

    __slots__ = ('value',)
    __gtype__ = GObject.TYPE_PYOBJECT

    def __init__(self, value):
        self.value = value


def _make_error(exception, code):
    try:
        text = f'{type(exception).__name__}: {exception}'
    except Exception:
        text = type(exception).__name__
    text = text.replace('\0', '\\0').encode('utf-8', 'backslashreplace').decode()
    return GLib.Error(text, _EXCEPTION, code)


def _stands_for(error, exception, code):
    """Whether an error that comes from the C side is what this exception went there as."""
    if error.domain == _EXCEPTION:
        return error.code == code
    # The message may have got a prefix that tells of earlier attempts.
    return (isinstance(exception, GLib.Error) and exception.domain == error.domain
            and exception.code == error.code and error.message.endswith(exception.message))


_exceptions_lock = threading.Lock()


def _fail(attempt, exception, return_error=_return_error):
    """Ends an attempt with an exception, whatever it is.

    A GError cannot carry it. It is kept on the wrapper of the request, which is made here if there
    is none: one that has attributes lives as long as the object behind it, and that is kept by
    the C side once it has been asked for. Requests that succeed need neither.
    """
    number = attempt.get_number()
    request = attempt.get_request()
    if request is not None:
        with _exceptions_lock:
            request._exceptions = {**request._exceptions,
                                   number: (exception, exception.__traceback__)}
    if isinstance(exception, GLib.Error) and exception.message is not None:
        return_error(attempt, exception)
    else:
        return_error(attempt, _make_error(exception, number))


def _catch(attempt, exception, retry_on=None):
    # The first frame is that of this file, and would keep the attempt.
    exception.__traceback__ = exception.__traceback__.tb_next
    if retry_on is None or isinstance(exception, retry_on):
        _fail(attempt, exception)
    else:
        _fail(attempt, exception, _return_fatal_error)


class _Call(tuple):
    """What is to be called: a context, a function, its arguments and keyword arguments, and the
    exceptions after which to try it again. It goes through a GValue, as results do."""

    __slots__ = ()
    __gtype__ = GObject.TYPE_PYOBJECT


def _call(attempt, function, args, kwargs, retry_on):
    _current_attempt.set(attempt)
    try:
        _return_value(attempt, _Result(function(*args, **kwargs)))
    except BaseException as exception:
        _catch(attempt, exception, retry_on)


def _run(attempt, call):
    context, *rest = call
    # A context cannot be entered twice at once, as copies of a request would. What an attempt sets
    # in it is not for the others.
    context.copy().run(_call, attempt, *rest)


def _call_bare(attempt, function, args):
    _current_attempt.set(attempt)
    try:
        function(*args)
    except BaseException as exception:
        _catch(attempt, exception)


def _run_bare(attempt, function, data):
    """Calls a function that is given its attempt, as in C.

    What is raised in a callback PyGObject prints and forgets, and SystemExit in a worker hangs the
    process. So nothing is to leave this.
    """
    contextvars.copy_context().run(_call_bare, attempt, function, (attempt, *data))


def _guard(method):
    @functools.wraps(method)
    def call(self, attempt):
        contextvars.copy_context().run(_call_bare, attempt, method, (self, attempt))

    return call


# An event loop has only weak references to its tasks.
_tasks = set()

# Whether the running event loop waits in a call of Par's, and does nothing else.
_loop_is_blocked = contextvars.ContextVar('par-loop-is-blocked', default=False)


async def _await(attempt, function, args, kwargs, retry_on):
    try:
        _return_value(attempt, _Result(await function(*args, **kwargs)))
    except BaseException as exception:
        _catch(attempt, exception, retry_on)
        # The event loop wants to know of these.
        if not isinstance(exception, Exception):
            raise


def _start_task(attempt, *rest):
    import asyncio

    _current_attempt.set(attempt)
    task = asyncio.get_running_loop().create_task(_await(attempt, *rest))
    cancellable = attempt.get_cancellable()
    handler = cancellable.connect(lambda *_: task.cancel())

    def ended(task):
        _tasks.discard(task)
        cancellable.disconnect(handler)

    _tasks.add(task)
    task.add_done_callback(ended)


def _start(attempt, call):
    context, *rest = call
    try:
        if _loop_is_blocked.get():
            raise RuntimeError('the event loop that this request needs waits for the request: '
                               'await do_async(), in place of what blocks')
        context.copy().run(_start_task, attempt, *rest)
    except BaseException as exception:
        _catch(attempt, exception)


def _is_coroutine_function(function):
    # Of most functions it can be seen at once, for which inspect takes microseconds.
    if type(function) is types.MethodType:
        function = function.__func__
    if type(function) is types.FunctionType:
        return function.__code__.co_flags & inspect.CO_COROUTINE != 0
    if type(function) is types.BuiltinFunctionType:
        return False
    return (inspect.iscoroutinefunction(function)
            or inspect.iscoroutinefunction(getattr(type(function), '__call__', None)))


def _get_running_loop():
    asyncio = sys.modules.get('asyncio')
    return asyncio and asyncio._get_running_loop()


def _check_loop(function):
    """Raises TypeError unless an event loop runs here that is part of GLib's."""
    try:
        from gi.events import GLibEventLoop
    except ImportError:
        raise TypeError(f'{function!r} is a coroutine function, for which PyGObject 3.50 is '
                        'needed: add a plain function, which runs in a thread') from None
    if not isinstance(_get_running_loop(), GLibEventLoop):
        raise TypeError(f"{function!r} is a coroutine function, for which GLib's event loop must "
                        'run: set the policy gi.events.GLibEventLoopPolicy() and add it in a '
                        'coroutine, or add a plain function, which runs in a thread')


def _check_function(function):
    if callable(function):
        return
    if inspect.iscoroutine(function):
        function.close()
        raise TypeError('a coroutine can be awaited only once, and a request may be attempted '
                        'more often: add the coroutine function, and its arguments')
    raise TypeError(f'expected a function or a Par.Request, not {function!r}')


class Attempt(Par.Attempt):
    def get_cancellable(self):
        _workers.listen()
        return _get_cancellable(self)

    def return_value(self, value=None):
        """Ends the attempt with success, and any object. A GObject.Value stays what it is."""
        _return_value(self, value if isinstance(value, GObject.Value) else _Result(value))

    def return_error(self, exception):
        """Ends the attempt with failure, and any exception."""
        _fail(self, exception)

    def return_fatal_error(self, exception):
        """Ends the attempt with a failure that no other attempt would be spared."""
        _fail(self, exception, _return_fatal_error)


Attempt = override(Attempt)


class Request(Par.Request):
    # Of attempts by number: what they have raised, and its traceback.
    _exceptions = {}

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        for name in ('do_run', 'do_start'):
            method = cls.__dict__.get(name)
            if isinstance(method, types.FunctionType):
                setattr(cls, name, _guard(method))

    @classmethod
    def new(cls, function, /, *args, **kwargs):
        """A request that calls function(*args, **kwargs), for Requests.add().

        To add the function itself takes less. Here label, key and priority can be set before.
        """
        _check_function(function)
        call = _Call((contextvars.copy_context(), function, args, kwargs, None))
        if _is_coroutine_function(function):
            _check_loop(function)
            return _new_async(_start, call)
        return _new_thread(_run, call)

    @classmethod
    def new_thread(cls, function, /, *data):
        _check_function(function)
        return _new_thread(_run_bare, function, data)

    @classmethod
    def new_async(cls, function, /, *data):
        _check_function(function)
        return _new_async(_run_bare, function, data)

    def get_value(self):
        value = _get_value(self)
        return value.value if type(value) is _Result else value

    def _get_exception(self):
        """What the request has failed with, and its traceback if it was raised."""
        error = self.get_error()
        if error is not None:
            for number, (exception, traceback) in reversed(self._exceptions.items()):
                if _stands_for(error, exception, number):
                    return exception, traceback
        return error, None

    @property
    def exception(self):
        """Why the request has not succeeded; None if it has, or has not settled.

        What was raised is that very object. What Par itself has ended, as too late or cancelled,
        has a GLib.Error.
        """
        return self._get_exception()[0]

    def result(self):
        """What the function has returned; or raises what it has raised."""
        state = self.get_state()
        if state == Par.RequestState.SUCCEEDED:
            return self.get_value()
        if state in (Par.RequestState.QUEUED, Par.RequestState.RUNNING):
            raise RuntimeError(f'request {self.get_index()} has not settled: run it first')

        exception, traceback = self._get_exception()
        try:
            # As it was, without what calls of this have added.
            raise exception.with_traceback(traceback)
        finally:
            # The exception has this frame now.
            del self, exception, traceback


Request = override(Request)


class _SignalWatch:
    """Has Python's signal handlers run while the main thread waits in a call of Par's.

    They run in the main thread between two steps of Python, and in C there are none. But Python
    writes the number of every signal to a descriptor. A thread reads it there, and has the owner
    of the requests, which is the main thread, call into Python.
    """

    def __init__(self):
        # A handler that comes in the middle of this may wait in a call itself.
        self.lock = threading.RLock()
        self.waits = []
        self.reader = None
        self.writer = None
        self.forward_to = -1

    def start(self):
        self.reader, self.writer = socket.socketpair()
        self.writer.setblocking(False)
        threading.Thread(target=self.watch, name='par-signals', daemon=True).start()

    def watch(self):
        while True:
            self.reader.recv(1, socket.MSG_PEEK)
            with self.lock:
                self.forward()
                # Who waits cannot leave while this has the requests.
                if self.waits:
                    self.waits[-1].requests.invoke(self.waits[-1].run_handlers)

    def forward(self):
        """Passes what has come to whoever has set a descriptor before, as asyncio does."""
        try:
            numbers = self.reader.recv(4096, socket.MSG_DONTWAIT)
            if self.forward_to != -1:
                os.write(self.forward_to, numbers)
        except OSError:
            pass

    def enter(self, wait):
        with self.lock:
            if self.reader is None:
                self.start()
            own = self.writer.fileno()
            old = _signal.set_wakeup_fd(own, warn_on_full_buffer=False)
            wait.before = old, self.forward_to
            if old != own:
                self.forward_to = old
            self.waits.append(wait)

    def exit(self, wait):
        with self.lock:
            # A handler may have raised something before it was there.
            if not self.waits or self.waits[-1] is not wait:
                return
            self.waits.pop()
            old, forward_to = wait.before
            current = _signal.set_wakeup_fd(old)
            if current != self.writer.fileno():
                # Somebody else has set one, and not put this one back.
                _signal.set_wakeup_fd(current)
            if self.forward_to != -1:
                self.forward()
            self.forward_to = forward_to

    def interrupt(self, exception):
        if not self.waits:
            raise exception
        self.waits[-1].interrupt(exception)


_signal_watch = _SignalWatch()


def _interrupt(*_):
    """The handler of SIGINT during a wait. KeyboardInterrupt would be lost in a callback.

    This and what sets it do what register_sigint_fallback() of PyGObject does for its own loops,
    ten times as fast, and with the same variables: waits and loops inside each other end one after
    the other, from the inside.
    """
    if not _ossighelper._sigint_called:
        _ossighelper._sigint_called = True
        _ossighelper._callback_stack.pop()()


def _listen():
    """Goes on when signal handlers are to run, which run inside it.

    A function would not do: they would run before its first line, where nothing catches what they
    raise, and in a callback it would be lost.
    """
    while True:
        try:
            while True:
                yield
        except GeneratorExit:
            return
        except BaseException as exception:
            _signal_watch.interrupt(exception)


class _Wait:
    """Waits in calls that end when a signal handler raises something, and cancels what they wait
    for. Ctrl-C does that too."""

    def __init__(self, requests, cancellable):
        self.requests = requests
        self.given = cancellable
        # That one may be of other things as well.
        self.cancellable = Gio.Cancellable()
        self.handler = 0 if cancellable is None else cancellable.connect(self.cancel)
        self.exception = None
        self.run_handlers = None

    def cancel(self, *_):
        self.cancellable.cancel()

    def interrupt(self, exception=None):
        self.exception = exception or KeyboardInterrupt()
        self.cancellable.cancel()

    def call(self, function):
        token = _get_running_loop() and _loop_is_blocked.set(True)
        try:
            if threading.get_ident() == threading.main_thread().ident:
                return self.call_and_listen(function)
            try:
                return function(self.requests, self.cancellable)
            finally:
                if _workers.is_over:
                    # It is a daemon thread, and ends unheard as others do.
                    raise SystemExit
        finally:
            if token:
                _loop_is_blocked.reset(token)

    def call_and_listen(self, function):
        if self.run_handlers is None:
            listener = _listen()
            next(listener)
            self.run_handlers = listener.__next__
        try:
            handler = _signal.getsignal(SIGINT)
            if handler is _interrupt or _ossighelper._callback_stack:
                # In a wait or a loop of PyGObject's.
                with _ossighelper.register_sigint_fallback(self.interrupt):
                    return self.call_and_watch(function)
            if (handler is not _signal.default_int_handler
                    or _ossighelper.PyOS_getsig(SIGINT) != _ossighelper.startup_sigint_ptr):
                return self.call_and_watch(function)

            _ossighelper._sigint_called = False
            try:
                _ossighelper._callback_stack.append(self.interrupt)
                _signal.signal(SIGINT, _interrupt)
                return self.call_and_watch(function)
            finally:
                try:
                    if _signal.getsignal(SIGINT) is _interrupt:
                        _signal.signal(SIGINT, handler)
                finally:
                    if not _ossighelper._sigint_called:
                        _ossighelper._callback_stack.pop()
        finally:
            if self.exception is not None:
                exception, self.exception = self.exception, None
                try:
                    raise exception from None
                finally:
                    del exception

    def call_and_watch(self, function):
        try:
            _signal_watch.enter(self)
            return function(self.requests, self.cancellable)
        finally:
            _signal_watch.exit(self)

    def close(self):
        if self.handler:
            self.given.disconnect(self.handler)
            self.handler = 0


def _wait_for(requests, function, cancellable):
    wait = _Wait(requests, cancellable)
    try:
        return wait.call(function)
    except GLib.Error as error:
        requests._raise(error)
    finally:
        wait.close()


def _fetch(wait):
    """Yields requests as they settle. If it is left early, the rest is cancelled."""
    is_over = False
    try:
        while not is_over:
            try:
                request = wait.call(_next)
                is_over = request is None
            except GLib.Error as error:
                is_over = True
                # Each one that has failed was given.
                if not error.matches(Par.RequestsError.quark(), Par.RequestsError.FAILED):
                    wait.requests._raise(error)
            else:
                if not is_over:
                    yield request
                del request
    finally:
        # While the interpreter ends hardly anything works, and the run has been ended before.
        if not sys.is_finalizing():
            if not is_over:
                wait.cancel()
                try:
                    wait.call(_do)
                except GLib.Error:
                    # It was cancelled. Or it is a run of do_async(), which goes on.
                    pass
            wait.close()


def _fetch_in_order(requests, function, arguments, n_ahead):
    fetched = {}
    n_added = n_given = 0
    fetch = _fetch(_Wait(requests, None))
    # There is more to come even when all that has been added has settled.
    requests.hold()
    try:
        while True:
            while arguments is not None and n_added < n_given + n_ahead:
                try:
                    args = next(arguments)
                except StopIteration:
                    arguments = None
                else:
                    requests.add(function, *args)
                    n_added += 1
            if n_given == n_added:
                return
            while n_given not in fetched:
                request = next(fetch)
                fetched[request.get_index()] = request
            request = None
            yield fetched.pop(n_given).result()
            n_given += 1
    finally:
        fetch.close()


def _pull(requests, function, data):
    try:
        return bool(function(requests, *data))
    except BaseException as exception:
        requests._source_exception = exception
        if isinstance(exception, GLib.Error) and exception.message is not None:
            raise
        raise _make_error(exception, 0) from None


class Requests(Par.Requests):
    _source_exception = None
    _retry_on = None

    def __init__(self, *, retry_on=None, **properties):
        super().__init__(**properties)
        if retry_on is not None:
            self.retry_on = retry_on
        # Else every call of a function would make a thread state, and destroy it.
        _set_worker_func(self, _workers.work, self.weak_ref())
        # One callback for all: PyGObject 3.42 loses 126 bytes with each.
        _set_function(self, _run)

    @classmethod
    def new(cls):
        return cls()

    @property
    def retry_on(self):
        """The exceptions after which a request is tried again, as for isinstance(); None for all.

        After any other a request has failed for good. It counts for functions that are added later,
        and where there is a retry or redundancy.
        """
        return self._retry_on

    @retry_on.setter
    def retry_on(self, retry_on):
        if retry_on is not None:
            # Raises TypeError if it is not of that kind.
            issubclass(Exception, retry_on)
        self._retry_on = retry_on

    def set_function(self, function, /, *data):
        raise NotImplementedError('add() has set the function: add(function, argument)')

    def add_argument(self, argument):
        raise NotImplementedError('in Python this is add(function, argument)')

    def __bool__(self):
        # Not whether there are any, as for a list.
        return True

    def __iter__(self):
        position = 0
        while (request := self.get_item(position)) is not None:
            yield request
            position += 1

    def __contains__(self, request):
        return isinstance(request, Par.Request) and self.get_request(request.get_index()) == request

    def add(self, function, /, *args, **kwargs):
        """Adds a request that calls function(*args, **kwargs) in a worker thread.

        A coroutine function is awaited in GLib's event loop. A Par.Request may be added too. It
        returns the index, and not the request, since that would have to be made: Requests have it
        when it is asked for.
        """
        if isinstance(function, Par.Request):
            return self._add_request(function, *args, **kwargs)
        _check_function(function)
        call = _Call((contextvars.copy_context(), function, args, kwargs, self._retry_on))
        if _is_coroutine_function(function):
            _check_loop(function)
            return _add_async(self, _start, call)
        return _add_argument(self, call)

    def _add_request(self, request):
        # The C side would say so on the terminal only.
        if request.get_index() != GLib.MAXUINT64:
            raise ValueError(f'request {request.get_index()} has been added already: make another')
        return _add(self, request)

    def add_thread(self, function, /, *data):
        _check_function(function)
        return _add_thread(self, _run_bare, function, data)

    def add_async(self, function, /, *data):
        _check_function(function)
        return _add_async(self, _run_bare, function, data)

    def set_source(self, function, /, *data):
        if function is None:
            _set_source(self, None)
        else:
            _check_function(function)
            _set_source(self, _pull, function, data)

    def _raise(self, error):
        """Raises what a run has failed with: if its source has raised something, that."""
        exception = self._source_exception
        if exception is not None:
            self._source_exception = None
            if _stands_for(error, exception, 0):
                raise exception from None
        raise error

    def do(self, cancellable=None):
        return _wait_for(self, _do, cancellable)

    def do_finish(self, result):
        try:
            return _do_finish(self, result)
        except GLib.Error as error:
            self._raise(error)

    def next(self, cancellable=None):
        return _wait_for(self, _next, cancellable)

    def next_finish(self, result):
        try:
            return _next_finish(self, result)
        except GLib.Error as error:
            self._raise(error)

    def as_completed(self, cancellable=None):
        """Runs the requests, and yields each when it has settled.

        More may be added meanwhile. Leaving the loop early cancels the rest. A run that ends early
        raises its GLib.Error at the end; a request that has failed raises nothing but in its own
        result().
        """
        return _fetch(_Wait(self, cancellable))

    @classmethod
    def map(cls, function, /, *iterables, concurrency=None, **properties):
        """Yields function(item) for each item, in their order, called in worker threads.

        No more than twice as many items as may be in flight are taken ahead of what has been
        yielded. What the function raises is raised here, and ends it.
        """
        _check_function(function)
        if _is_coroutine_function(function):
            raise TypeError('map() runs a function in threads, and cannot await one')
        if not iterables:
            raise TypeError('map() needs something to iterate over')
        if concurrency is None:
            # As concurrent.futures has it.
            concurrency = min(32, (os.cpu_count() or 1) + 4)
        elif concurrency == 0:
            raise ValueError('map() needs a bound, so as not to take all items at once')
        requests = cls(concurrency=concurrency, keep_completed=False, **properties)
        return _fetch_in_order(requests, function, zip(*iterables), 2 * concurrency)


Requests = override(Requests)
