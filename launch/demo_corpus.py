#!/usr/bin/env python3
"""Makes the demo corpus from Debian packages: DIR/{general,code,math,law}.jsonl.

Packages are fetched with `apt-get download` (no root needed once the lists are there) and unpacked,
not installed. Each line is {"text", "source"} and, for `general`, "split": that domain is split by
book. Equal package versions give equal bytes; demo_corpus.sha256 records them.
"""

import argparse
import gzip
import hashlib
import html
import json
import pathlib
import re
import struct
import subprocess
import sys
import zlib

PACKAGES = {  # of each domain; {python} is the release's own Python, such as python3.11
    "general": ["r-cran-janeaustenr", "sword-text-web"],
    "code": ["lib{python}-stdlib", "lib{python}-minimal"],
    "math": ["metamath-databases"],
    "law": ["dict-gcide", "debian-policy", "doc-debian", "developers-reference", "base-files",
            "libsoftware-license-perl"],
}
VALIDATION_BOOKS = {"NORTHANGER ABBEY", "Acts", "Job", "Eccl"}
SHORTEST = 200  # characters; shorter documents are dropped
RECORD = pathlib.Path(__file__).with_name("demo_corpus.sha256")


def say(text):
    print("demo corpus:", text, file=sys.stderr, flush=True)


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


# Packages


def release_python():
    """Name of the release's own Python, such as python3.11: what python3-minimal depends on."""
    shown = subprocess.run(["apt-cache", "depends", "python3-minimal"], check=True,
                           capture_output=True, text=True).stdout
    found = re.search(r"(python3\.\d+)-minimal", shown)
    if not found:
        sys.exit("demo corpus: python3-minimal is not in the package lists (apt-get update?)")
    return found.group(1)


def fetch(names, cache):
    """Downloads what the cache lacks; returns each package's file."""
    cache.mkdir(parents=True, exist_ok=True)
    lacking = [name for name in names if not list(cache.glob(name + "_*.deb"))]
    if lacking:
        say("downloading " + " ".join(lacking))
        done = subprocess.run(["apt-get", "download", "-qq", *lacking], cwd=cache)
        if done.returncode != 0:
            sys.exit("demo corpus: apt-get download failed (run `apt-get update` first?)")
    return {name: sorted(cache.glob(name + "_*.deb"))[-1] for name in names}


def unpack(deb, folder):
    if not folder.exists():
        partial = folder.with_name(folder.name + ".partial")
        partial.mkdir(parents=True, exist_ok=True)
        subprocess.run(["dpkg-deb", "-x", deb, partial], check=True)
        partial.rename(folder)
    return folder


def version_of(deb):
    return deb.name.split("_")[1]


def files_in(folder, pattern):
    return sorted(path for path in folder.rglob(pattern) if path.is_file() and not path.is_symlink())


def read_text(path):
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


# Text


def unwrap(text):
    """Paragraphs, each on one line, a blank line between."""
    paragraphs = re.split(r"\n\s*\n", text)
    return "\n\n".join(line for line in (" ".join(p.split()) for p in paragraphs) if line)


def pages(pieces, size):
    """Joins pieces of text into documents of about `size` characters."""
    page, length = [], 0
    for piece in pieces:
        page.append(piece)
        length += len(piece)
        if length >= size:
            yield "\n\n".join(page)
            page, length = [], 0
    if page:
        yield "\n\n".join(page)


# general: novels and a Bible, a chapter a document


def r_strings(block):
    """The strings of the character vector in an R serialisation (XDR, version 3)."""
    if block[:2] != b"X\n":
        sys.exit("demo corpus: not an R object in XDR")
    (encoding_bytes,) = struct.unpack_from(">i", block, 14)
    at = 18 + encoding_bytes
    kind, count = struct.unpack_from(">ii", block, at)
    if kind & 0xFF != 16:
        sys.exit("demo corpus: not an R character vector")
    at += 8
    for _ in range(count):
        _, length = struct.unpack_from(">ii", block, at)
        at += 8
        yield block[at:at + max(length, 0)].decode("utf-8")
        at += max(length, 0)


def r_objects(data):
    """The objects of an R lazy-load database: zlib blocks behind their raw lengths."""
    while len(data) > 4:
        inflate = zlib.decompressobj()
        yield inflate.decompress(data[4:])
        data = inflate.unused_data


def novels(folder):
    for block in r_objects(files_in(folder, "Rdata.rdb")[0].read_bytes()):
        lines = list(r_strings(block))
        title = lines[0].strip()
        chapters = re.split(r"(?mi)^(?=chapter [ivxlc\d]+\b)", "\n".join(lines))
        for number, chapter in enumerate(chapters):
            yield title, f"{title}, chapter {number}", unwrap(chapter)


def sword_books(folder):
    """The raw markup of each compressed block of a SWORD module: a block is a book."""
    for index in sorted(files_in(folder, "*.bzs"), key=lambda path: path.name, reverse=True):
        blocks, data = index.read_bytes(), index.with_suffix(".bzz").read_bytes()
        for offset, length, raw_length in struct.iter_unpack("<III", blocks):
            raw = zlib.decompress(data[offset:offset + length]) if length else b""
            if len(raw) != raw_length:
                sys.exit(f"demo corpus: {index}: a block of {len(raw)}, not {raw_length} bytes")
            yield raw.decode("utf-8")


def strip_markup(text):
    text = re.sub(r"<note\b.*?</note>", "", text, flags=re.S)
    text = re.sub(r"<title\b.*?</title>", "", text, flags=re.S)
    text = re.sub(r'<(?:div [^>]*type="x-p"|l |lg |p)[^>]*>', "\n\n", text)
    return unwrap(html.unescape(re.sub(r"<[^>]*>", "", text)))


def bible(folder):
    for raw in sword_books(folder):
        book = re.search(r'<div [^>]*osisID="(\w+)"[^>]*type="book"', raw)
        if not book:
            continue
        for chapter in re.split(r"(?=<chapter [^>]*sID=)", raw)[1:]:
            number = re.search(r'osisID="([\w.]+)"', chapter).group(1)
            yield book.group(1), f"World English Bible, {number}", strip_markup(chapter)


def general(folders):
    for book, source, text in [*novels(folders["r-cran-janeaustenr"]),
                               *bible(folders["sword-text-web"])]:
        split = "validation" if book in VALIDATION_BOOKS else "train"
        yield {"text": text, "source": source, "split": split}


# code: Python's standard library, a file a document


def is_code(path, text):
    parts = {part.lower() for part in path.parts}
    table = path.parent.name in ("encodings", "pydoc_data") or path.name.startswith("_sysconfigdata")
    return not (parts & {"test", "tests", "idle_test"} or table
                or any(len(line) > 1000 for line in text.splitlines()))


def code(folders):
    for name in sorted(folders):
        for path in files_in(folders[name], "*.py"):
            text = read_text(path)
            inside = path.relative_to(folders[name])
            if is_code(inside, text):
                yield {"text": text, "source": str(inside)}


# math: Metamath's set.mm, about 6,000 characters a document


NOTE = re.compile(
    r"\s*\((?:Contributed|Revised|Proof\s+shortened|Proposed|Shortened|Proof\s+revised)\s+by\b[^()]*"
    r"(?:\([^()]*\)[^()]*)*\)|\s*\((?:New\s+usage|Proof\s+modification)\s+is\s+discouraged\.\)")
BANNER = re.compile(r"(?m)^\s*(?:[#*=\-.~_+]{20,}|(?:[#*=\-.][#*=\-.]){10,})\s*$\n?")


def math(folders):
    text = read_text(files_in(folders["metamath-databases"], "set.mm")[0])
    text = text[text.index("#*#*"):]                            # versions and renamed labels
    text = re.sub(r"\$\( \$t.*?\$\)", "", text, flags=re.S)     # typesetting
    text = re.sub(r"\$=.*?\$\.", "$.", text, flags=re.S)        # proofs
    text = BANNER.sub("", NOTE.sub("", text))
    statements = [part.strip("\n") for part in re.split(r"\n\s*\n", text) if part.strip()]
    for number, page in enumerate(pages(statements, 6000)):
        yield {"text": page, "source": f"set.mm, part {number}"}


# law: legal vocabulary, constitutions and policies, licences


LEGAL = re.compile(
    r"\b(?:law|laws|lawful|legal|legally|court|courts|judge|judgment|jury|plaintiff|defendant|"
    r"statute|statutes|contract|crime|criminal|felony|attorney|trial|verdict|tort|"
    r"jurisdiction|writ|lawsuit|prosecution|testimony|estate|tenant|lease|heir|deed)\b", re.I)
LEGAL_LABEL = re.compile(r"\([^()]*\bLaw\)")


def is_legal(entry):
    words = {word.lower() for word in LEGAL.findall(entry)}
    return bool(LEGAL_LABEL.search(entry)) or len(words) >= 2


def plain_entry(entry):
    entry = re.sub(r"\[(?:1913 Webster|PJC|WordNet 1\.5|Webster 1913 Suppl\.)[^\]]*\]", "", entry)
    entry = re.sub(r"\\[^\\\n]*\\", "", entry)     # syllables
    entry = re.sub(r"\([^()\n]*\[[^()\n]*\)", "", entry)  # pronunciation
    entry = re.sub(r"[{}]", "", entry)
    return unwrap(entry)


def dictionary(folder):
    text = read_text_of_dictionary(folder)
    entries = re.split(r"\n(?=\S)", text)
    legal = [plain_entry(entry) for entry in entries if is_legal(entry)]
    for number, page in enumerate(pages(legal, 4000)):
        yield f"GCIDE, part {number}", page


def read_text_of_dictionary(folder):
    return gzip.decompress(files_in(folder, "gcide.dict.dz")[0].read_bytes()).decode(
        "utf-8", errors="replace")


def policies(folders):
    for name in ("debian-policy", "doc-debian", "developers-reference"):
        for path in [*files_in(folders[name], "*.txt"), *files_in(folders[name], "*.txt.gz"),
                     *files_in(folders[name], "*manifesto.gz")]:
            if "_sources" in path.parts:
                continue
            paragraphs = [part for part in re.split(r"\n\s*\n", read_text(path)) if part.strip()]
            for number, page in enumerate(pages(paragraphs, 4000)):
                yield f"{path.name.removesuffix('.gz')}, page {number}", page


def licences(folders):
    for path in files_in(folders["base-files"] / "usr/share/common-licenses", "*"):
        yield f"licence {path.name}", read_text(path)
    for path in files_in(folders["libsoftware-license-perl"], "*.pm"):
        body = read_text(path).partition("__LICENSE__\n")[2]
        yield f"licence {path.stem}", re.sub(r"\{\{.*?\}\}", "the holder", body)


def without_repeats(documents):
    """Drops each paragraph that was seen before, in this document or another."""
    seen = set()
    for source, text in documents:
        kept = []
        for paragraph in re.split(r"\n\s*\n", text):
            key = " ".join(paragraph.split())
            if key and key not in seen:
                seen.add(key)
                kept.append(paragraph.strip("\n"))
        yield {"text": "\n\n".join(kept), "source": source}


def law(folders):
    return without_repeats([*dictionary(folders["dict-gcide"]), *policies(folders),
                            *licences(folders)])


# All of it


MAKERS = {"general": general, "code": code, "math": math, "law": law}


def write_domain(domain, documents, out):
    partial = out / f"{domain}.jsonl.partial"
    count = characters = 0
    with partial.open("w", encoding="utf-8", newline="\n") as lines:
        for document in documents:
            if len(document["text"]) >= SHORTEST:
                lines.write(json.dumps(document, ensure_ascii=False) + "\n")
                count += 1
                characters += len(document["text"])
    path = partial.rename(out / f"{domain}.jsonl")
    say(f"{path}: {count} documents, {characters / 1e6:.1f} million characters")
    return {"documents": count, "characters": characters, "sha256": sha256(path)}


def is_done(out):
    """Whether an earlier run finished and its files are as it left them."""
    try:
        manifest = json.loads((out / "manifest.json").read_text())
        return set(manifest) == set(PACKAGES) and all(
            sha256(out / f"{domain}.jsonl") == made["sha256"] for domain, made in manifest.items())
    except (OSError, ValueError, KeyError):
        return False


def recorded():
    """{"general": (sha256, "package=version ...")}, from the file beside this one."""
    if not RECORD.exists():
        return {}
    rows = (line.split(maxsplit=2) for line in RECORD.read_text().splitlines())
    return {domain: (digest, packages) for digest, domain, packages in rows}


def compare(domain, made):
    digest, packages = recorded().get(domain, ("", ""))
    if made["packages"] != packages:
        say(f"warning: {domain}: made of {made['packages']}; recorded: {packages or 'nothing'}: "
            "results will differ from those published")
    elif made["sha256"] != digest:
        sys.exit(f"demo corpus: {domain}.jsonl has hash {made['sha256']}, expected {digest}")


def make(domain, python, cache, out):
    names = [name.format(python=python) for name in PACKAGES[domain]]
    debs = fetch(names, cache)
    folders = {name: unpack(deb, cache / deb.stem) for name, deb in debs.items()}
    made = write_domain(domain, MAKERS[domain](folders), out)
    made["packages"] = " ".join(f"{name}={version_of(debs[name])}" for name in names)
    compare(domain, made)
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", required=True, type=pathlib.Path, help="folder to write")
    parser.add_argument("--cache", type=pathlib.Path, help="folder of packages (default: OUT/cache)")
    options = parser.parse_args()
    if is_done(options.out):
        say(f"{options.out}: done already")
        return
    options.out.mkdir(parents=True, exist_ok=True)
    cache = (options.cache or options.out / "cache").resolve()
    python = release_python()
    manifest = {domain: make(domain, python, cache, options.out) for domain in PACKAGES}
    partial = options.out / "manifest.json.partial"
    partial.write_text(json.dumps(manifest, indent=1) + "\n")
    partial.rename(options.out / "manifest.json")


if __name__ == "__main__":
    main()
