#!/usr/bin/env python3
"""Two devices, each with one tree of mail that the real Dovecot serves and the real notmuch and mu index: what is flagged,
tagged and moved in one of them is the same in all, as the programs themselves tell it.

    real-mail.py [SEGUE [MAILDIRPP FS]]      SEGUE: the binary (default: segue on the PATH)

MAILDIRPP and FS: copies of these two trees are used, of Dovecot's two layouts, instead of the bundled ones.

Needs Dovecot 2.3 (doveadm, imap) and notmuch 0.37; where they are not installed it says so and ends with 0. mu 1.8 is
asked too where it is installed. Root
becomes `nobody`, because Dovecot serves no root. Nothing outside a temporary folder is touched, and the network
is this computer's own.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
FIXTURES = HERE / "../../translators/maildir/fixtures"
FLAGS = {"\\Seen": "seen", "\\Flagged": "flagged", "\\Answered": "answered", "\\Draft": "draft", "$Forwarded": "forwarded"}
TAGS = {"flagged": "flagged", "replied": "answered", "draft": "draft", "passed": "forwarded"}
MU = {"seen": "seen", "flagged": "flagged", "replied": "answered", "draft": "draft", "passed": "forwarded"}
INDEXED = {"unread", "attachment", "signed", "encrypted"}


def run(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=600, **options)
    if done.returncode not in (0, 4):
        sys.exit(f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


class Session:
    """An IMAP session with a server of its own, without a network."""

    def __init__(self, configuration):
        command = ["doveadm", "-c", str(configuration), "exec", "imap"]
        self.server = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, "USER": "somebody"}
        )
        self.server.stdout.readline()

    def __call__(self, command):
        self.server.stdin.write(f"t {command}\r\n".encode())
        self.server.stdin.flush()
        lines = []
        while True:
            line = self.server.stdout.readline().decode("utf-8", "replace").rstrip()
            if line.startswith("t "):
                assert line.startswith("t OK"), f"{command}: {line}"
                return lines
            lines.append(line)

    def close(self):
        self.server.stdin.close()
        self.server.wait()


class Device:
    def __init__(self, place, name, fixture, layout, segue):
        self.name, self.home, self.segue_binary = name, place / name, segue
        self.mail = self.home / "Mail"
        shutil.copytree(fixture, self.mail, symlinks=True)
        self.dovecot = self.home / "dovecot.conf"
        user, group = os.getuid(), os.getgid()
        self.dovecot.write_text(
            f"protocols = imap\nbase_dir = {self.home}/run\nlog_path = {self.home}/log\n"
            f"mail_location = maildir:{self.mail}{layout}\nfirst_valid_uid = 0\nmail_uid = {user}\nmail_gid = {group}\nssl = no\n"
            "mail_plugins =\nnamespace inbox {\n  inbox = yes\n  separator = /\n}\n"
            f"userdb {{\n  driver = static\n  args = uid={user} gid={group} home={self.home}\n}}\n"
        )
        self.config = self.home / ".notmuch-config"
        (self.home / "index").mkdir()
        self.config.write_text(
            f"[database]\npath={self.home}/index\nmail_root={self.mail}\n[new]\ntags=unread\n[maildir]\nsynchronize_flags=true\n"
            "[user]\nname=Somebody\nprimary_email=somebody@example.org\n"
        )
        self.notmuch("new", "--quiet", "--no-hooks")

    def notmuch(self, *words):
        return run(["notmuch", *words], env={**os.environ, "HOME": str(self.home), "NOTMUCH_CONFIG": str(self.config)})

    def segue(self, *words, background=False):
        environment = {
            "HOME": str(self.home), "PATH": os.environ["PATH"], "SEGUE_HOME": str(self.home / "segue"),
            "SEGUE_NETWORK": "loopback", "SEGUE_DEVICE": self.name,
        }
        command = [self.segue_binary, *words]
        if background:
            return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return run(command, env=environment)

    def link(self):
        plan = self.segue("plan", f"notmuch={self.config}", f"maildir={self.mail}")
        sys.stdout.write(plan)
        number = re.search(r'"plan":"(\w+)"', self.segue("plan", f"notmuch={self.config}", f"maildir={self.mail}", "--json")).group(1)
        self.segue("apply", number)

    def imap(self):
        """What a mail program sees: flags, keywords and folders of each message."""
        session, seen = Session(self.dovecot), {}
        for line in session('LIST "" "*"'):
            if re.search("noselect|nonexistent", line.split(")")[0], re.IGNORECASE):
                continue
            folder = re.search(r' "/" "?([^"]*)"?$', line).group(1)
            session(f'EXAMINE "{folder}"')
            for line in session("FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])") if self.count(session, folder) else []:
                if found := re.search(r"FLAGS \(([^)]*)\)", line):
                    flags = set(found.group(1).split())
                elif found := re.match(r"Message-ID: <(a\.\d+\.[^>]*)>", line, re.IGNORECASE):
                    told = seen.setdefault(found.group(1), (set(), set(), set()))
                    told[0].update(FLAGS[flag] for flag in flags if flag in FLAGS)
                    told[1].update(flag.lower() for flag in flags - FLAGS.keys() if flag[0] != "\\")
                    if "\\Deleted" not in flags:
                        # Maildir++ cannot say a dot; this server was told to escape it.
                        told[2].add(folder.replace("\\\\2e", "."))
        session.close()
        return seen

    @staticmethod
    def count(session, folder):
        return int(re.search(r"MESSAGES (\d+)", " ".join(session(f'STATUS "{folder}" (MESSAGES)'))).group(1))

    def tags(self):
        """What notmuch says: flags and keywords of each message."""
        seen = {}
        for line in self.notmuch("dump", "--format=batch-tag", "--include=tags").splitlines():
            tags, _, message = line.partition(" -- id:")
            if not message.startswith("a."):
                continue
            tags = {re.sub("%([0-9a-f]{2})", lambda m: chr(int(m.group(1), 16)), tag[1:]) for tag in tags.split()}
            flags = {TAGS[tag] for tag in tags if tag in TAGS} | (set() if "unread" in tags else {"seen"})
            seen[message] = (flags, {tag.lower() for tag in tags - TAGS.keys() - INDEXED})
        return seen

    def mu(self, *words, **options):
        return run(["mu", *words, f"--muhome={self.home}/mu"], env={**os.environ, "HOME": str(self.home)}, **options)

    def mu_flags(self):
        """What mu says: the flags of each message, of all its files together. It knows no keywords."""
        if not (self.home / "mu").exists():
            self.mu("init", f"--maildir={self.mail}")
        self.mu("index", "--quiet")
        seen = {}
        for found in json.loads(self.mu("find", "--format=json", "maildir:/ or not maildir:/"), strict=False):
            if found[":message-id"].startswith("a."):
                seen.setdefault(found[":message-id"], set()).update(MU[flag] for flag in found[":flags"] if flag in MU)
        return seen

    def flag_in_mu(self, message):
        """As mu4e does it: the server renames the file."""
        told = self.mu("server", input=f'(move :msgid "{message}" :flags "+F")\n(quit)\n')
        assert ":error" not in told, told


def meet(one, two):
    """Each tells the other, and mail is indexed as a person's timer does it."""
    for here, there in [(one, two), (two, one)] * 2:
        agent = there.segue("up", "--json", background=True)
        agent.stdout.readline()
        here.segue("sync")
        agent.terminate()
        agent.wait()
        for device in (one, two):
            device.notmuch("new", "--quiet", "--no-hooks")


def compare(what, one, two):
    """All four programs tell the same of each message that both devices have."""
    imap, tags = [one.imap(), two.imap()], [one.tags(), two.tags()]
    mu = [device.mu_flags() if shutil.which("mu") else {} for device in (one, two)]
    both = sorted(imap[0].keys() & imap[1].keys())
    wrong = []
    for message in both:
        told = [imap[0][message], imap[1][message]]
        if told[0] != told[1]:
            wrong.append(f"{message}: IMAP {told[0]} on the first, {told[1]} on the second")
        for index in (0, 1):
            if message in tags[index] and tags[index][message] != told[index][:2]:
                wrong.append(f"{message}: notmuch {tags[index][message]}, IMAP {told[index][:2]} on device {index + 1}")
            if message in mu[index] and mu[index][message] != told[index][0]:
                wrong.append(f"{message}: mu {mu[index][message]}, IMAP {told[index][0]} on device {index + 1}")
    if wrong:
        sys.exit(f"{what}:\n" + "\n".join(wrong[:20]))
    programs = "Dovecot, notmuch and mu" if mu[0] else "Dovecot and notmuch"
    print(f"{what}: {len(both)} messages, the same in {programs} on both devices")
    return both


def act(device, message, *commands):
    session = Session(device.dovecot)
    session("SELECT INBOX")
    uid = " ".join(session(f"UID SEARCH HEADER Message-ID {message}")).split()[-1]
    for command in commands:
        session(f"UID {command.format(uid=uid)}")
    session.close()


def main():
    segue = str(Path(sys.argv[1]).resolve()) if len(sys.argv) > 1 else shutil.which("segue")
    if not segue:
        sys.exit("real-mail.py: no segue on the PATH; name the binary")
    if not (shutil.which("doveadm") and shutil.which("notmuch")):
        print("skipped: Dovecot or notmuch is not installed")
        return
    with tempfile.TemporaryDirectory() as place:
        if os.getuid() == 0:
            os.chown(place, 65534, 65534)
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
        place = Path(place)
        trees = sys.argv[2:4] or [FIXTURES / "dovecot-2.3.19-maildirpp", FIXTURES / "dovecot-2.3.19-fs"]
        one = Device(place, "first", trees[0], "", segue)
        two = Device(place, "second", trees[1], ":LAYOUT=fs", segue)
        one.link()
        hosting = one.segue("invite", "--yes", "--json", background=True)
        ticket = re.search(r'"ticket":"([^"]*)"', hosting.stdout.readline()).group(1)
        two.segue("join", ticket)
        hosting.wait()
        two.link()
        meet(one, two)
        both = compare("linked", one, two)
        inbox = [m for m in both if one.imap()[m][2] == {"INBOX"}]

        act(one, inbox[0], "STORE {uid} +FLAGS (\\Flagged urgent)")
        two.notmuch("tag", "+later", "-unread", "--", f"id:{inbox[1]}")
        meet(one, two)
        compare("flagged in IMAP here, tagged in notmuch there", one, two)
        assert {"flagged"} <= two.tags()[inbox[0]][0] and "urgent" in two.tags()[inbox[0]][1]
        assert "later" in one.imap()[inbox[1]][1] and "seen" in one.imap()[inbox[1]][0]

        act(one, inbox[0], "MOVE {uid} Sent")
        meet(one, two)
        compare("moved in IMAP here", one, two)
        assert two.imap()[inbox[0]][2] == {"Sent"}, two.imap()[inbox[0]]
        assert "urgent" in two.imap()[inbox[0]][1]

        one.notmuch("tag", "+mine", "--", f"id:{inbox[1]}")
        one.segue("sync")
        act(two, inbox[1], "STORE {uid} +FLAGS (yours)")
        two.segue("sync")
        meet(one, two)
        compare("tagged on both while apart", one, two)
        assert {"mine", "yours"} <= one.tags()[inbox[1]][1]

        one.segue("undo")
        meet(one, two)
        compare("the last taken back", one, two)

        if shutil.which("mu"):
            # mu takes away keywords that a message has.
            without = ((m, keywords | flags & {"flagged", "forwarded"}) for m, (flags, keywords, _) in one.imap().items())
            plain = next(message for message, marks in without if message in both and not marks)
            one.flag_in_mu(plain)
            meet(one, two)
            compare("flagged in mu here", one, two)
            assert "flagged" in two.imap()[plain][0]


main()
