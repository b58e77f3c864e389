"""Fetches handwriting fonts for synthetic fields from the npm registry, once.

    python -m pipeline.synthesis.fonts DIR        # needs npm on the PATH; for `pipeline.synthesis.generator --fonts DIR`

All of them are under the SIL Open Font License 1.1; none is part of this
repository. Each is one packed `@fontsource` package, checked against its
SHA-256, of which one file is kept: the Latin characters in regular weight.
They were chosen by eye for digits that look handwritten; European ones and
sevens come from the fonts for schools (`playwrite-*`).
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Final

from pipeline.run import write_bytes
from serving.errors import CheckreaderError

VERSION: Final = "5.3.0"  # of every package
# @fontsource/NAME → SHA-256 of its packed archive
FONTS: Final[dict[str, str]] = {
    "annie-use-your-telescope": "ed1cea10322cff6e760b1c1d2cb3be8b5a3b08ddea41feae31f9f938f39fe1ab",
    "architects-daughter": "791d2009fbdc46ca3eb942c27c62c0ee353668cd290dfad17f401b8488c727a1",
    "beth-ellen": "a84f7c2a5204218cf3bf41deec295a8907e2ef2bf60fe060c64733f9f9067f17",
    "caveat": "ebf746fc0667b9d10fcac7c8604e2ba40a264da85a1c9b48bd679c0af3221293",
    "cedarville-cursive": "dd07000aae10231af25d83ab5ea2c53a22a8c20d8eccc137d6e5798a55edc80e",
    "covered-by-your-grace": "1bd27256356f90c7bc7b463d36c05565ef4b3d655bc56d0dd7b7387114b1308d",
    "dawning-of-a-new-day": "90b517633db0d0b77ccbd6ba10c9befaaefd3aa0d964957fc7af064ce377037a",
    "east-sea-dokdo": "339f551a03f269f099637baa38180ec917e6119b6a7b9630e4954e81f59f6a00",
    "gaegu": "a288e8e1d8ba3b288bee36088ad49f3e393797b96c2cca489efcbce47d918f6f",
    "give-you-glory": "53dc8a5a8571d4ddbf30961e9be717e4a9395e7c4c172bacc76151cae70955aa",
    "gloria-hallelujah": "8755cc046e06286eeebee193f9f753bd0f03eec44c7bf188fc883db66e7a9d91",
    "gochi-hand": "6e206b6139093775d8762503196d6d991408bd5f8393ea0357f4f89b75b195a3",
    "grape-nuts": "93b250022fe6d3cf2a1b84288eabe24c98dfd9d206d3c76c6c8c0e545ac886ec",
    "hi-melody": "7c863e00f03dc1bf22282cc73045afce6d517c055f512e6880ca0f14a3ab662c",
    "indie-flower": "be380503f1e2c5ef08b8399a28f8cb2f1725527db2cb6aacec3037c2bd1b9083",
    "just-me-again-down-here": "f50dfa4391c0155de091e83454aa53c82e6fd03d79e0ef27d16615186af6f9f8",
    "kalam": "0aaf22523f3c57ae19f32c4f4df0d43d6efd01b7563a19cf4ed818cd5601426d",
    "kristi": "17fc68a1e21cdf6e59112e7ea2450e039b1590caeb3714ed53d958b791f2ee64",
    "la-belle-aurore": "48be5aefc80ad78aa9b2b1c992dd65678235c2496ae2a88f694e594ab9d7abed",
    "liu-jian-mao-cao": "bbffc6b7e13b1e10eff328df1d9b16ba2697b6237b34b67e9aa0450fb0b9a621",
    "long-cang": "f37d7fc6e0ed15718e03fe9edd5f8b0117d6d011d23c15bf2d35b7b00f9c4e26",
    "loved-by-the-king": "d058a205828a2e29748c87c533dd917fb9b3e4156d6ae564f48cef24f5e9eb69",
    "mansalva": "ed850c14e8a1729761348b17e15f9ec7dc5693594d3d4a60456489ce301d883d",
    "marck-script": "c4e6f14fd3736ec94a872db215192ea7dea04f1315df1385b451c153510575da",
    "nanum-brush-script": "1020ce15896a863639d83948298ac823873fa2683e0a6020f78275be5ec01520",
    "nanum-pen-script": "91c7118b1d68e8ab576addbae76351857cf5c3656b7ee496c51fe16f01258a44",
    "nothing-you-could-do": "dac48ef024df5e754bf8586157d73d0dba139d6353f28b9ec6de77b0dadf0add",
    "over-the-rainbow": "5f231cee244b4c3a734da05bf23d4e07fec1062ffa1824358e933f59fc94e313",
    "patrick-hand": "c3428d02610c7b8fa92b044cf766f8c30b88bb32a47460b4ac42fa14e0bcdcc0",
    "playwrite-ar": "9921599ec74c636e761ae7f83a9b5b7e8617d737c5d6b6e708a6371f99db5c1a",
    "playwrite-co": "fffb663e8e740a01ce8037ff287687c21a687544c4f9bb3d0a52690575a04be8",
    "playwrite-es": "890b3aa3a0fffa59833257db74b96a72eb4b7a3b8cf9c8885c35be62bd2608a0",
    "playwrite-it-moderna": "75a3144ff7499f11a43f2cfab88e5c374274c42e643bac4605b57502d462c058",
    "playwrite-mx": "6f4ddbc58abbaf03713502e7cca7bd6993b45db4e83f5923ef86c8e5b0c43294",
    "reenie-beanie": "8a2406f9b3c0b76199dcd87288ea40480fcd8547ba1af2f9f3156205f1688be9",
    "sedgwick-ave": "0531aaf259af059ed01c20108b5c4a7e80b5868e4e2095910e3ceaf06c597dc1",
    "shadows-into-light": "0885aefd34c65bd79207cffff0771ae0527f227a202bc850f8cf9a12257fc7f1",
    "square-peg": "10c9992f1b2d9e68516d8bfc0d1455d36decc9ad5aed8fe7013ebfb67a79bec2",
    "sue-ellen-francisco": "93c9f047a1709b2879db10b52058ffba7c1642f0acbec422eb358433c937ee00",
    "swanky-and-moo-moo": "3a1b7f26957986f2bd645c3656f4044812a8b6995eeb2870c90a2f6b86426cd5",
    "the-girl-next-door": "d4ac864cbcda87dffe808b5366045e8d75c149fd2a00d081cc8343ab36699545",
    "vujahday-script": "2bf118228adf88c0007ba283e8d92f0bb39ddb84b9b381e6645637aebde0aa74",
    "waiting-for-the-sunrise": "6f9c645d858526553e72f0b56abb32742d5d4c10d6acdb392e5d3fa843ef7141",
    "yomogi": "db1cc83484c6552df59b9c22f2f4725ceaad79875d90f42dcc9268a5c35d5080",
    "zeyada": "bf6eb4164a796a1b91405188b95455aa7e1fad447f37195e9f767efee21e336a",
}


def fetch(folder: Path, names: dict[str, str] = FONTS) -> list[Path]:
    """Fetches the fonts as folder/NAME.woff2, except those that are already there.

    Args:
        folder: where to put them; created if missing.
        names: package names below @fontsource with their archives' SHA-256.

    Raises:
        CheckreaderError: npm is missing or fails, or an archive has other bytes than expected.
    """
    npm = shutil.which("npm")
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, sha256 in names.items():
        path = folder / f"{name}.woff2"
        paths.append(path)
        if path.exists():
            continue
        if npm is None:
            raise CheckreaderError(
                "npm not found: it fetches the fonts; install Node.js or train without fonts"
            )
        with tempfile.TemporaryDirectory() as place:
            package = f"@fontsource/{name}@{VERSION}"
            process = subprocess.run(
                [npm, "pack", "--silent", package], cwd=place, capture_output=True, text=True, check=False
            )
            archives = list(Path(place).glob("*.tgz"))
            if process.returncode or len(archives) != 1:
                lines = (process.stderr or process.stdout).strip().splitlines()
                reason = lines[-1] if lines else f"status {process.returncode}"
                raise CheckreaderError(f"npm pack {package}: {reason}")
            unpack(archives[0], name, sha256, path)
    return paths


def unpack(archive: Path, name: str, sha256: str, path: Path) -> None:
    """Writes the one font file of a packed package to `path`.

    Raises:
        CheckreaderError: other bytes than expected, or the font is not in the archive.
    """
    actual = hashlib.sha256(archive.read_bytes()).hexdigest()
    if actual != sha256:
        raise CheckreaderError(
            f"{archive.name}: its SHA-256 is {actual[:12]}…, expected {sha256[:12]}…: not the package that was chosen"
        )
    member = f"package/files/{name}-latin-400-normal.woff2"
    with tarfile.open(archive) as packed:
        try:
            file = packed.extractfile(member)
        except KeyError:
            file = None
        if file is None:
            raise CheckreaderError(f"{archive.name}: {member} is not in it")
        write_bytes(path, file.read())


def main(arguments: list[str]) -> int:
    """Runs the command line; returns the exit status."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print("usage: python -m pipeline.synthesis.fonts DIR", file=sys.stderr)
        return 2
    try:
        paths = fetch(Path(arguments[0]))
    except CheckreaderError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{len(paths)} fonts in {arguments[0]}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
