"""More views that are right: what slots choose, families, maps in arrays, what lies above and below, views over views."""

from __future__ import annotations

from onto_flow import (
    DomainModel,
    MapModel,
    Reference,
    Store,
    ViewModel,
    agg,
    attrs,
    computed,
    is_missing,
    many,
    one,
    operator,
    root,
)


class Author(DomainModel):
    class Meta:
        collection_name = "authors"

    name: str = attrs.str


class Board(DomainModel):
    class Meta:
        collection_name = "boards"

    day: int = attrs.int


class Note(DomainModel):
    class Meta:
        collection_name = "notes"

    board = attrs.relation(Board)
    author = attrs.relation(Author)
    state: str = attrs.str
    day: int = attrs.int
    rank: int = attrs.int


class BoardStore(Store):
    board = root(Board)
    newest = many(
        Note, by=Note.board, where=lambda note: note.state == "open", order_by=Note.rank, descending=True, limit=2
    )
    authors = many(Author, via=(newest, Note.author))
    today = many(Note, by=Note.board, where=lambda note, board: note.day == board.day)


class BoardPage(ViewModel):
    """Conditions on documents and between two, an order, a limit, and a slot that starts from what is within it."""

    class Meta:
        collection_name = "boardPages"

    store: BoardStore

    @computed
    def newest(self) -> list[str]:
        return [note.doc_id for note in self.store.newest]

    @computed
    def authors(self) -> list[str]:
        return [author.name for author in self.store.authors]

    @computed
    def today(self) -> list[str]:
        return [note.doc_id for note in self.store.today]


class MeetStore(Store):
    board = root(Board)
    notes = many(Note, on=(Board.day, Note.day))
    authors = many(Author, via=Note.author, where=lambda author, note: author.name == note.state)


class Meets(ViewModel):
    """A condition that compares with that one of several documents on which another hangs."""

    class Meta:
        collection_name = "meets"

    store: MeetStore

    @computed
    def authors(self) -> list[str]:
        return [author.doc_id for author in self.store.authors]


class Pin(DomainModel):
    class Meta:
        collection_name = "pins"

    notes = attrs.relations(Note)


class PinStore(Store):
    pin = root(Pin)
    notes = many(Note, via=Pin.notes, where=lambda note: note.state == "open")
    authors = many(Author, via=Note.author)


class PinPage(ViewModel):
    """A condition on what is referred to, and what hangs on that."""

    class Meta:
        collection_name = "pinPages"

    store: PinStore

    @computed
    def notes(self) -> list[str]:
        return [note.doc_id for note in self.store.notes]

    @computed
    def authors(self) -> list[str]:
        return [author.name for author in self.store.authors]


class NoteStore(Store):
    note = root(Note)
    board = one(Board, via=(note, Note.board), where=lambda board: isinstance(board.day, int) and board.day > 1)
    alike = many(Note, on=((note, Note.state), Note.state))
    by = many(Author, via=(alike, Note.author))


class Alike(ViewModel):
    """A slot with a condition on the way, and accumulators over another one and what it leads to."""

    class Meta:
        collection_name = "alike"

    store: NoteStore

    @computed
    def day(self) -> int | None:
        return self.store.board.day if self.store.board else None

    count = agg.count(over=NoteStore.alike)
    ranks = agg.sum(lambda other: other.rank if isinstance(other.rank, int) else None, over=NoteStore.alike)
    names = agg.collect(lambda other, by: str([author.name for author in by]), over=NoteStore.alike)


class Team(DomainModel):
    class Meta:
        collection_name = "teams"

    name: str = attrs.str


class Project(DomainModel):
    class Meta:
        path = "teams/{team}/projects/{project}"

    title: str = attrs.str(default="untitled")
    of_team = attrs.parent(Team)


class Task(DomainModel):
    class Meta:
        path = "teams/{team}/projects/{project}/tasks/{task}"

    hours: int = attrs.int
    project_of = attrs.parent(Project)


class ProjectStore(Store):
    project = root(Project, phantom=True)
    team = one(Team, via=Project.of_team)
    tasks = many(Task, by=Task.project_of)


class ProjectPage(ViewModel):
    """What lies above and below; a root that need not exist."""

    class Meta:
        collection_name = "projectPages"

    store: ProjectStore

    @computed
    def title(self) -> str | None:
        return None if is_missing(self.store.project, "title") else self.store.project.title

    @computed
    def team(self) -> str | None:
        return self.store.team.name if self.store.team else None

    @computed
    def hours(self) -> list[int]:
        return [task.hours for task in self.store.tasks]


class Party(DomainModel):
    class Meta:
        abstract = True

    name: str = attrs.str


class Human(Party):
    class Meta:
        collection_name = "humans"


class Company(Party):
    class Meta:
        collection_name = "companies"
        strict = True

    size: int = attrs.int


class Animal(DomainModel):
    class Meta:
        collection_name = "animals"
        discriminator = "kind"

    kind: str = attrs.str(name="type")
    owner = attrs.relation(Party)


class Cat(Animal):
    class Meta:
        discriminator_value = "cat"

    lives: int = attrs.int(default=9)


class Dog(Animal):
    class Meta:
        discriminator_value = "dog"


class PartyStore(Store):
    party = root(Party)
    animals = many(Animal, by=Animal.owner)
    cats = many(Cat, by=Cat.owner)


class PartyPage(ViewModel):
    """Families: told apart by the collection, and by a field; documents of wrong types that do not count."""

    class Meta:
        collection_name = "partyPages"

    store: PartyStore

    @computed
    def shown(self) -> str:
        party = self.store.party
        return f"{type(party).__name__} {party.name}"

    @computed
    def animals(self) -> list[str]:
        return [type(animal).__name__ for animal in self.store.animals]

    @computed
    def lives(self) -> list[int]:
        return [cat.lives for cat in self.store.cats]


class Article(DomainModel):
    class Meta:
        collection_name = "articles"

    name: str = attrs.str
    price: int = attrs.int


class Line(MapModel):
    article = attrs.relation(Article)
    pieces: int = attrs.int(default=1)


class Bill(DomainModel):
    class Meta:
        collection_name = "bills"

    lines = attrs.list(Line)


class BillStore(Store):
    bill = root(Bill)
    articles = many(Article, via=Bill.lines.each.article)


class BillPage(ViewModel):
    """References in maps of an array; it fails where that is none, and its last good document stays then."""

    class Meta:
        collection_name = "billPages"

    store: BillStore

    @computed
    def lines(self) -> list[str | None]:
        found = [self.store.articles.get(line.article) for line in self.store.bill.lines or () if line.article]
        return [article.name if article else None for article in found]


class ArticleStore(Store):
    article = root(Article)
    bills = many(Bill, by=Bill.lines.each.article)


class ArticlePage(ViewModel):
    """The same from the other side; it fails where a name is no text, and its document goes then."""

    class Meta:
        collection_name = "articlePages"
        on_error = "delete"

    store: ArticleStore

    @computed
    def bills(self) -> list[str]:
        return [bill.doc_id for bill in self.store.bills]

    @computed
    def letters(self) -> int:
        return len(self.store.article.name or "")


class Sale(DomainModel):
    class Meta:
        collection_name = "sales"

    name: str = attrs.str
    price: int = attrs.int


class SaleStore(Store):
    article = root(Article)
    sales = many(Sale, on=[(Article.name, Sale.name), (Article.price, Sale.price)])


class SalePage(ViewModel):
    """Two pairs of equal fields."""

    class Meta:
        collection_name = "salePages"

    store: SaleStore

    @computed
    def sales(self) -> list[str]:
        return [sale.doc_id for sale in self.store.sales]


class ArticleRoot(Store):
    article = root(Article)


class Popular(ViewModel):
    """Groups that are shown from two members on."""

    class Meta:
        collection_name = "popular"

    store: ArticleRoot

    @operator.key
    @classmethod
    def name(cls, article: Article) -> str | None:
        return article.name

    count = agg.count()
    dearest = agg.max(lambda article: article.price if isinstance(article.price, int) else None)

    @operator.having
    @classmethod
    def enough(cls, count: int) -> bool:
        return count > 1


class PopularStore(Store):
    popular = root(Popular)


class Ranking(ViewModel):
    """Groups of what groups of another view show."""

    class Meta:
        collection_name = "rankings"

    store: PopularStore

    @operator.key
    @classmethod
    def count(cls, popular: Popular) -> int:
        return popular.count

    names = agg.count()


class SheetStore(Store):
    note = root(Note)


class Sheet(ViewModel):
    """What another view reads: a note, while it is open."""

    class Meta:
        collection_name = "sheets"

    store: SheetStore

    @computed
    def author(self) -> Reference[Author] | None:
        return self.store.note.author

    @computed
    def rank(self) -> int | None:
        return self.store.note.rank

    @operator.filter
    @classmethod
    def is_open(cls, note: Note) -> bool:
        return note.state == "open"


class AuthorStore(Store):
    author = root(Author)
    sheets = many(Sheet, by=Sheet.author, order_by=Sheet.rank)


class AuthorPage(ViewModel):
    """Reads documents of another view by their references."""

    class Meta:
        collection_name = "authorPages"

    store: AuthorStore

    @computed
    def sheets(self) -> list[int | None]:
        return [sheet.rank for sheet in self.store.sheets]


MORE_VIEWS: dict[str, tuple[type[ViewModel], ...]] = {
    **{
        view.__name__: (view,)
        for view in (BoardPage, PinPage, Meets, Alike, ProjectPage, PartyPage, BillPage, ArticlePage, SalePage, Popular)
    },
    "Ranking": (Popular, Ranking),
    "AuthorPage": (Sheet, AuthorPage),
}
