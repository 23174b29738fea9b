# SPDX-License-Identifier: BSD-3-Clause
"""GnuTLS as a client, with what of Python's ssl.SSLObject and ssl.MemoryBIO clients.py uses. The library is called as it is."""
import ctypes
import errno
import ssl

CLIENT, NONBLOCK = 1 << 1, 1 << 3
CERTIFICATE_CREDENTIALS, NAME_DNS = 1, 1
AGAIN, INTERRUPTED = -28, -52
VERSIONS = {4: 'TLSv1.2', 5: 'TLSv1.3'}

push_function = ctypes.CFUNCTYPE(ctypes.c_ssize_t, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
pull_function = push_function
timeout_function = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_uint)

library = ctypes.CDLL('libgnutls.so.30')
library.gnutls_strerror.restype = ctypes.c_char_p
library.gnutls_record_send.restype = library.gnutls_record_recv.restype = ctypes.c_ssize_t
for name in ('record_send', 'record_recv'):
    getattr(library, 'gnutls_' + name).argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
library.gnutls_transport_set_push_function.argtypes = [ctypes.c_void_p, push_function]
library.gnutls_transport_set_pull_function.argtypes = [ctypes.c_void_p, pull_function]
library.gnutls_transport_set_pull_timeout_function.argtypes = [ctypes.c_void_p, timeout_function]


def checked(status):
    if status in (AGAIN, INTERRUPTED):
        raise ssl.SSLWantReadError()
    if status < 0:
        raise ssl.SSLError(library.gnutls_strerror(status).decode())
    return status


class Context:
    """No certificate is verified, nothing is resumed."""

    def __init__(self, version, options):
        if options.verify or options.resume or options.cert:
            raise SystemExit('gnutls.py knows no --verify, --resume, --cert')
        self.priority = b'NORMAL:-VERS-ALL:+VERS-TLS' + version.encode()
        self.credentials = ctypes.c_void_p()
        checked(library.gnutls_certificate_allocate_credentials(ctypes.byref(self.credentials)))

    def wrap_bio(self, incoming, outgoing, server_hostname=None, session=None):
        return Session(self, incoming, outgoing, server_hostname)


class Session:
    session = session_reused = None

    def __init__(self, context, incoming, outgoing, server_hostname):
        self.incoming, self.outgoing, self.context = incoming, outgoing, context
        self.handle = ctypes.c_void_p()
        checked(library.gnutls_init(ctypes.byref(self.handle), CLIENT | NONBLOCK))
        checked(library.gnutls_priority_set_direct(self.handle, context.priority, None))
        checked(library.gnutls_credentials_set(self.handle, CERTIFICATE_CREDENTIALS, context.credentials))
        if server_hostname:
            name = server_hostname.encode()
            checked(library.gnutls_server_name_set(self.handle, NAME_DNS, name, ctypes.c_size_t(len(name))))
        # kept here: the library holds no references to them
        self.callbacks = push_function(self.push), pull_function(self.pull), timeout_function(self.is_readable)
        library.gnutls_transport_set_push_function(self.handle, self.callbacks[0])
        library.gnutls_transport_set_pull_function(self.handle, self.callbacks[1])
        library.gnutls_transport_set_pull_timeout_function(self.handle, self.callbacks[2])

    def push(self, _, data, size):
        return self.outgoing.write(ctypes.string_at(data, size))

    def pull(self, _, buffer, size):
        data = self.incoming.read(size)
        if not data and not self.incoming.eof:
            library.gnutls_transport_set_errno(self.handle, errno.EAGAIN)
            return -1
        ctypes.memmove(buffer, data, len(data))
        return len(data)

    def is_readable(self, *_):
        return int(self.incoming.pending > 0)

    def do_handshake(self):
        checked(library.gnutls_handshake(self.handle))

    def write(self, data):
        return checked(library.gnutls_record_send(self.handle, data, len(data)))

    def read(self, size):
        buffer = ctypes.create_string_buffer(size)
        length = checked(library.gnutls_record_recv(self.handle, buffer, size))
        return buffer.raw[:length]

    def version(self):
        return VERSIONS.get(library.gnutls_protocol_get_version(self.handle))

    def selected_alpn_protocol(self):
        return None
