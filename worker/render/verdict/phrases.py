"""Words by which one knows a page that is not what was asked for, in the languages of most of the web."""

import re
from typing import Final


def _any(*phrases: str) -> re.Pattern[str]:
    return re.compile("|".join(phrases), re.IGNORECASE)


# What asks whether its visitor is a person.
BOT_WALL: Final = _any(
    r"\b(verify|verifying|confirm|prove)\b.{0,20}\b(human|not a (ro)?bot|real person)\b",
    r"are you (a )?(human|a? ?robot)|\bi'?m not a robot|human verification|robot check",
    r"checking (if the site connection is secure|your browser)|just a moment\b|attention required",
    r"(unusual|suspicious|automated) (traffic|activity|requests|queries|access)",
    r"pardon our interruption|ddos protection|incapsula incident|request unsuccessful",
    r"(complete|solve|pass) the (security check|captcha|puzzle)|security (check|verification)",
    r"(enable|turn on) (js|javascript)( and cookies)? (to continue|and disable any ad blocker)",
    r"press (and|&) hold|too many requests|you have been blocked|access to this page has been denied",
    r"(ich bin|sind sie) (k?ein )?(mensch|roboter)|sicherheits(überprüfung|abfrage)",
    r"ungewöhnliche[rn]? (datenverkehr|aktivität)",
    r"je ne suis pas un robot|vérifi\w+ que vous êtes (bien )?(un )?humain|trafic inhabituel",
    r"no soy un robot|verifi\w+ que (eres|es) (un )?humano|tráfico inusual",
    r"non sono un robot|não sou um robô|ik ben geen robot|nie jestem robotem|я не робот",
    r"私はロボットではありません|人机验证|安全验证|验证您是真人",
)
# What asks its visitor to log in, before there is anything to see.
LOGIN_WALL: Final = _any(
    r"\b(log|sign) ?in\b.{0,20}\bto (continue|view|see|read|access|proceed|join)",
    r"(please|you must|you need to|you have to) (be logged|log|sign) ?in",
    r"(members|subscribers|registered users) only|session (has |is )?(expired|timed out)",
    r"(create|need) an account to|authentication (is )?required|this (page|content|board) is private",
    r"(bitte )?(melden sie sich|loggen sie sich|anmelden, um)|anmeldung erforderlich",
    r"connectez-vous (pour|afin)|veuillez vous connecter|connexion requise",
    r"inicia(r)? sesión para|debes iniciar sesión|accedi per|effettua l'accesso|faça login para|log in om",
    r"ログインしてください|请登录|войдите, чтобы",
)
# An address that leads to a form for logging in.
LOGIN_ADDRESS: Final = _any(
    r"(^|[/._-])(log-?in|sign-?in|sso|auth|authwall|authorize|oauth2?|saml|session|anmelden|connexion)([/._?-]|$)",
)
# A title or heading that is nothing but an error.
_NUMBERS: Final = r"(4(0[0134589]|10|2[29]|51)|5(0[0234]|2\d|30))"
_WRONG: Final = (
    "(error|not found|forbidden|unavailable|gateway|gone|denied|fehler|gefunden|introuvable|encontrad|"
    "unauthorized|time-?out|limit)"
)
_THING: Final = (
    "(page|site|file|article|item|product|content|url|address|resource|listing) "
    "(was |is |you (requested|are looking for) |that you requested )*"
)
_NOT_THERE: Final = (
    "((not|can'?t be|cannot be|could ?n[o']t be) found|unavailable|no longer (available|exists)|"
    "does(n'?t| not) exist)"
)
ERROR_HEADING: Final = _any(
    rf"^\W*((http|error|fehler|erreur|oops|status)\W*(code\W*)?)*{_NUMBERS}\W*$",
    rf"^\W*((http|error|fehler|erreur)\W*(code\W*)?)*{_NUMBERS}\b.{{0,60}}{_WRONG}",
    rf"(error|not found|fehler|erreur|página|page)\W{{1,4}}({_NUMBERS})\b",
    _THING + _NOT_THERE,
    r"^\W*not found\W*$|nothing (was )?found here|can'?t find (that|the|this) page",
    r"page (has )?(moved|gone|missing)",
    r"we (can'?t|cannot|could ?n[o']t) find (that|the|this|what)|looks like (this|the) page",
    r"internal server error|bad gateway|gateway time-?out|bad request",
    r"service (is )?(temporarily )?unavailable",
    r"something (went|has gone) wrong|error (has )?occurred",
    r"(application|server|database|unexpected|fatal) error",
    r"error establishing|(site|we).{0,25}(maintenance|back soon|be right back)|temporarily (down|offline)",
    r"^\W*(access denied|forbidden|permission denied|unauthorized|account suspended)\W*$",
    r"(site|page|webpage|website|server) (can'?t|cannot) be reached|connection (refused|timed out)",
    r"seite (wurde )?(leider )?nicht gefunden|nicht (mehr )?verfügbar|fehler aufgetreten",
    r"interner serverfehler|wartungsarbeiten|une erreur (est|s'est)|erreur (interne|serveur)",
    r"page (introuvable|non trouvée|inexistante)|página no (encontrada|existe)|error interno",
    r"pagina non trovata|página não encontrada|pagina niet gevonden",
    r"ページが見つかりません|页面不存在|找不到(该)?页面|страница не найдена",
)
# A line that says that there will be something.
LOADING: Final = re.compile(
    r"^\W*(loading|please wait|one moment|laden|wird geladen|bitte warten|chargement|cargando|caricamento|"
    r"carregando|ładowanie|загрузка|読み込み中|加载中)\b.{0,30}$",
    re.IGNORECASE | re.MULTILINE,
)
