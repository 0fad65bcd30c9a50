// Packs files into a zip without compression. Contents are never held: the archive is a Blob whose parts
// are headers and the files themselves, and each file is read once, in pieces, for its checksum.
"use strict";

const ZIP_MOST_FILES = 65535;
const ZIP_MOST_BYTES = 0xffffffff; // of an archive without the extensions for large ones
const ZIP_LOCAL_HEAD = 30;
const ZIP_CENTRAL_HEAD = 46;
const ZIP_END = 22;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, number) => {
  let value = number;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

async function crc32(file, signal, onBytes) {
  const reader = file.stream().getReader();
  let crc = 0xffffffff;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return (crc ^ 0xffffffff) >>> 0;
    if (signal?.aborted) {
      await reader.cancel();
      throw new DOMException("Cancelled", "AbortError");
    }
    for (let at = 0; at < value.length; at++) crc = CRC_TABLE[(crc ^ value[at]) & 0xff] ^ (crc >>> 8);
    onBytes?.(value.length);
  }
}

function dosTime(milliseconds) {
  const at = new Date(milliseconds);
  const year = Math.min(2107, Math.max(1980, at.getFullYear()));
  return {
    date: ((year - 1980) << 9) | ((at.getMonth() + 1) << 5) | at.getDate(),
    time: (at.getHours() << 11) | (at.getMinutes() << 5) | (at.getSeconds() >> 1),
  };
}

function zipRecord(bytes, write) {
  const view = new DataView(new ArrayBuffer(bytes));
  let at = 0;
  write((size, value) => {
    if (size === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += size;
  });
  return view.buffer;
}

function entryFields(put, { crc, size, name, modified }) {
  const { date, time } = dosTime(modified);
  put(2, 20); // version needed: 2.0
  put(2, 0x0800); // names are UTF-8
  put(2, 0); // stored
  put(2, time);
  put(2, date);
  put(4, crc);
  put(4, size);
  put(4, size);
  put(2, name.length);
  put(2, 0); // no extra field
}

// The bytes that the archive of these files has: known before any of them is read.
function zipBytes(entries) {
  const encoder = new TextEncoder();
  return entries.reduce(
    (sum, { path, size }) => sum + ZIP_LOCAL_HEAD + ZIP_CENTRAL_HEAD + 2 * encoder.encode(path).length + size, ZIP_END);
}

// entries: [{ path, size, open: () => Promise<File> }]; onBytes: called with the number of bytes just read.
async function zipOf(entries, { signal, onBytes } = {}) {
  const encoder = new TextEncoder();
  const parts = [];
  const central = [];
  let offset = 0;
  for (const { path, open } of entries) {
    const file = await open();
    const name = encoder.encode(path);
    const entry = { name, size: file.size, modified: file.lastModified, crc: await crc32(file, signal, onBytes) };
    const start = offset;
    parts.push(zipRecord(ZIP_LOCAL_HEAD, (put) => {
      put(4, 0x04034b50);
      entryFields(put, entry);
    }), name, file);
    offset += ZIP_LOCAL_HEAD + name.length + file.size;
    central.push(zipRecord(ZIP_CENTRAL_HEAD, (put) => {
      put(4, 0x02014b50);
      put(2, 0x0314); // made on Unix, whose permissions follow
      entryFields(put, entry);
      put(2, 0); // no comment
      put(2, 0); // disk
      put(2, 0); // internal attributes
      put(4, 0x81a40000); // a file, rw-r--r--
      put(4, start);
    }), name);
  }
  const centralBytes = central.reduce((sum, part) => sum + part.byteLength, 0);
  const end = zipRecord(ZIP_END, (put) => {
    put(4, 0x06054b50);
    put(2, 0);
    put(2, 0);
    put(2, entries.length);
    put(2, entries.length);
    put(4, centralBytes);
    put(4, offset);
    put(2, 0);
  });
  return new Blob([...parts, ...central, end], { type: "application/zip" });
}
