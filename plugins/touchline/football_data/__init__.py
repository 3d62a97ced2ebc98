"""Match files of football-data.co.uk: text in, matches and rejected rows out.

Nothing here opens a file or a connection; `workers.providers.football_data` does. The site:
https://www.football-data.co.uk, its notes on columns: https://www.football-data.co.uk/notes.txt
"""

from touchline.football_data.books import BOOKS, Book
from touchline.football_data.reader import decode, read_matches
from touchline.football_data.times import pre_match_instant, season_code, season_of_code, season_of_day

__all__ = [
    "BOOKS",
    "Book",
    "decode",
    "pre_match_instant",
    "read_matches",
    "season_code",
    "season_of_code",
    "season_of_day",
]
